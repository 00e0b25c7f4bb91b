#include "graft/generation/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "tests/support/expect_error.h"

namespace graft::generation {
namespace {

// How often each token is picked in `count` draws.
std::map<int32_t, double> shares(const SamplerOptions& options, const std::vector<float>& logits,
                                 int count = 20000) {
  Sampler sampler(options);
  std::map<int32_t, double> result;
  for (int i = 0; i < count; ++i) {
    std::vector<float> copy = logits;
    result[sampler.pick(copy, {})] += 1.0 / count;
  }
  return result;
}

const std::vector<float> kLogits = {std::log(0.5f), std::log(0.3f), std::log(0.15f),
                                    std::log(0.05f)};

TEST(Sampler, TemperatureZeroTakesTheLikeliest) {
  Sampler sampler({});
  std::vector<float> logits = {1, 5, 2};
  EXPECT_EQ(sampler.pick(logits, {}), 1);
}

TEST(Sampler, TheFirstOfEqualsIsTaken) {
  Sampler sampler({});
  for (size_t size : {1u, 3u, 17u, 1000u}) {
    for (size_t at = 0; at < size; at += 1 + size / 7) {
      std::vector<float> logits(size, -3.5f);
      logits[at] = logits.back() = -1.25f;
      EXPECT_EQ(sampler.pick(logits, {}), static_cast<int32_t>(at));
    }
  }
  std::vector<float> zeros = {-1, -0.0f, 0.0f};
  EXPECT_EQ(sampler.pick(zeros, {}), 1);
}

TEST(Sampler, TemperatureOneDrawsFromTheModel) {
  auto found = shares({.temperature = 1}, kLogits);
  EXPECT_NEAR(found[0], 0.5, 0.02);
  EXPECT_NEAR(found[1], 0.3, 0.02);
  EXPECT_NEAR(found[2], 0.15, 0.02);
  EXPECT_NEAR(found[3], 0.05, 0.02);
}

TEST(Sampler, TemperatureSharpens) {
  auto found = shares({.temperature = 0.5f}, kLogits);
  double sum = 0.25 + 0.09 + 0.0225 + 0.0025;  // the squares
  EXPECT_NEAR(found[0], 0.25 / sum, 0.02);
}

TEST(Sampler, TopKKeepsThatMany) {
  auto found = shares({.temperature = 1, .top_k = 2}, kLogits);
  EXPECT_EQ(found.size(), 2u);
  EXPECT_NEAR(found[0], 0.5 / 0.8, 0.02);
}

TEST(Sampler, TopPKeepsTheLikeliestThatReachIt) {
  EXPECT_EQ(shares({.temperature = 1, .top_p = 0.45f}, kLogits).size(), 1u);
  EXPECT_EQ(shares({.temperature = 1, .top_p = 0.6f}, kLogits).size(), 2u);
  EXPECT_EQ(shares({.temperature = 1, .top_p = 0.9f}, kLogits).size(), 3u);
  EXPECT_EQ(shares({.temperature = 1, .top_p = 0}, kLogits).size(), 1u);
}

TEST(Sampler, MinPDropsWhatIsUnlikelyBesideTheLikeliest) {
  EXPECT_EQ(shares({.temperature = 1, .min_p = 0.2f}, kLogits).size(), 3u);
  EXPECT_EQ(shares({.temperature = 1, .min_p = 0.5f}, kLogits).size(), 2u);
}

TEST(Sampler, RepetitionPenaltyDividesAndMultiplies) {
  Sampler sampler({.repetition_penalty = 2});
  std::vector<float> positive = {4, 3, 0};
  EXPECT_EQ(sampler.pick(positive, std::vector<int32_t>{0}), 1);
  std::vector<float> negative = {-1, -1.5f};
  EXPECT_EQ(sampler.pick(negative, std::vector<int32_t>{0}), 1);
}

TEST(Sampler, RepetitionPenaltyReachesBackTwentyTokens) {
  Sampler sampler({.repetition_penalty = 2});
  std::vector<int32_t> history(21, 2);
  history[0] = 0;
  std::vector<float> logits = {4, 3, 0};
  EXPECT_EQ(sampler.pick(logits, history), 0);
}

// Of many words, of which the draw reaches far beyond the likeliest: by their definition.
TEST(Sampler, DrawsFromALargeVocabularyAreThoseOfASortedOne) {
  std::mt19937 engine(3);
  std::vector<float> logits(5000);
  for (float& logit : logits) logit = static_cast<float>(engine() % 1000) * 0.002f;  // many equal
  std::vector<int32_t> sorted(logits.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  std::stable_sort(sorted.begin(), sorted.end(), [&](int32_t a, int32_t b) {
    return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
  });
  for (const SamplerOptions& options :
       {SamplerOptions{.temperature = 1, .seed = 5},
        SamplerOptions{.temperature = 2, .top_p = 0.7f, .seed = 5},
        SamplerOptions{.temperature = 1, .top_k = 700, .seed = 5},
        SamplerOptions{.temperature = 1, .min_p = 0.4f, .seed = 5}}) {
    double sum = 0, before = 0;
    for (float logit : logits) sum += std::exp(double{logit});
    const double most = std::exp(double{logits[static_cast<size_t>(sorted[0])]});
    std::vector<int32_t> allowed;
    for (int32_t id : sorted) {
      const double share = std::exp(double{logits[static_cast<size_t>(id)]});
      if (before >= options.top_p * sum || share < options.min_p * most) break;
      if (options.top_k > 0 && std::ssize(allowed) == options.top_k) break;
      before += share;
      allowed.push_back(id);
    }
    std::vector<double> weights;
    for (int32_t id : allowed) {
      weights.push_back(std::exp(logits[static_cast<size_t>(id)] / double{options.temperature}));
    }
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::mt19937_64 random(options.seed);
    Sampler sampler(options);
    for (int i = 0; i < 200; ++i) {
      double target = static_cast<double>(random() >> 11) * 0x1p-53 * total;
      size_t at = 0;
      while (at + 1 < weights.size() && target >= weights[at]) target -= weights[at++];
      std::vector<float> copy = logits;
      ASSERT_EQ(sampler.pick(copy, {}), allowed[at]) << "draw " << i;
    }
  }
}

TEST(Sampler, RefusesLogitsThatAreNotFinite) {
  for (float temperature : {0.0f, 1.0f}) {
    Sampler sampler({.temperature = temperature});
    for (float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
      std::vector<float> logits(3, bad);
      testing::expect_error([&] { sampler.pick(logits, {}); }, "logits are not finite");
    }
    for (size_t at = 0; at < 3; ++at) {
      std::vector<float> logits = {1, 3, 2};
      logits[at] = std::nanf("");
      testing::expect_error([&] { sampler.pick(logits, {}); }, "some are no numbers");
    }
    std::vector<float> one_word = {-HUGE_VALF, 2, -HUGE_VALF};
    EXPECT_EQ(sampler.pick(one_word, {}), 1);
  }
}

TEST(Sampler, RefusesWhatIsNoShare) {
  for (float bad : {-0.1f, 1.1f, std::nanf(""), HUGE_VALF}) {
    testing::expect_error([&] { Sampler({.temperature = 1, .min_p = bad}); }, "shares of 0 to 1");
    testing::expect_error([&] { Sampler({.temperature = 1, .top_p = bad}); }, "shares of 0 to 1");
  }
  Sampler all({.temperature = 1, .min_p = 1});
  std::vector<float> logits = {1, 3, 2};
  EXPECT_EQ(all.pick(logits, {}), 1);
}

TEST(Sampler, SeedFixesTheDraws) {
  SamplerOptions options{.temperature = 1, .seed = 9};
  Sampler a(options), b(options);
  for (int i = 0; i < 50; ++i) {
    std::vector<float> x = kLogits, y = kLogits;
    EXPECT_EQ(a.pick(x, {}), b.pick(y, {}));
  }
}

}  // namespace
}  // namespace graft::generation
