#include "graft/generation/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "graft/base/error.h"

namespace graft::generation {
namespace {

struct Candidate {
  float logit;
  int32_t id;
};

// Likelier first; equals in the order of their ids, so that a seed gives one result everywhere.
bool likelier(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// A float's bits as an integer that is larger for a larger float; those of NaN lie beyond
// infinity's on both sides. Unlike comparisons of floats, those of integers are vectorized.
int32_t order_of(float x) {
  const auto bits = std::bit_cast<int32_t>(x);
  return bits ^ ((bits >> 31) & std::numeric_limits<int32_t>::max());
}

struct Likeliest {
  float logit;
  bool numbers;  // none of all logits is NaN
};

Likeliest likeliest_of(std::span<const float> logits) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  int32_t most = order_of(-kInfinity), least = order_of(kInfinity);
  for (const float logit : logits) {
    const int32_t order = order_of(logit);
    most = std::max(most, order);
    least = std::min(least, order);
  }
  const bool numbers = most <= order_of(kInfinity) && least >= order_of(-kInfinity);
  return {std::bit_cast<float>(order_of(std::bit_cast<float>(most))), numbers};  // its own inverse
}

// Candidates, the likeliest first, sorted only as far as they are looked at, usually a small part
// of the vocabulary.
class Ranking {
 public:
  explicit Ranking(std::vector<Candidate> candidates) : candidates_(std::move(candidates)) {}

  size_t size() const { return candidates_.size(); }
  std::span<const Candidate> all() const { return candidates_; }  // in any order

  const Candidate& operator[](size_t rank) {
    if (rank >= sorted_) sort_to(std::min(size(), std::max({rank + 1, 8 * sorted_, kFirst})));
    return candidates_[rank];
  }

  // Keeps the likeliest `count`, of which there must be that many.
  void truncate(size_t count) {
    sort_to(count);
    candidates_.resize(count);
  }

 private:
  static constexpr size_t kFirst = 64;

  void sort_to(size_t count) {
    if (count <= sorted_) return;
    const auto at = [&](size_t i) { return candidates_.begin() + static_cast<std::ptrdiff_t>(i); };
    if (count < size()) std::nth_element(at(sorted_), at(count), candidates_.end(), likelier);
    std::sort(at(sorted_), at(count), likelier);
    sorted_ = count;
  }

  std::vector<Candidate> candidates_;
  size_t sorted_ = 0;
};

// The number of the likeliest that together have `share` of the weights e^(logit - most), at least
// 1.
size_t count_top_p(Ranking& ranking, float most, double share) {
  double sum = 0;
  size_t kept = 0;
  while (kept < ranking.size() && sum < share) {
    sum += std::exp(double{ranking[kept++].logit} - most);
  }
  return std::max<size_t>(kept, 1);
}

}  // namespace

Sampler::Sampler(SamplerOptions options) : options_(options), random_(options.seed) {
  for (float share : {options.top_p, options.min_p}) {
    if (!(share >= 0 && share <= 1)) fail("top_p and min_p are shares of 0 to 1, found {}", share);
  }
}

// Keskar et al. 2019 (arXiv:1909.05858): a positive logit is divided, a negative one multiplied.
void Sampler::penalize(std::span<float> logits, std::span<const int32_t> history) const {
  size_t reach = std::min(history.size(), static_cast<size_t>(options_.repetition_context));
  std::set<int32_t> seen(history.end() - static_cast<std::ptrdiff_t>(reach), history.end());
  for (int32_t id : seen) {
    float& logit = logits[static_cast<size_t>(id)];
    logit = logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
  }
}

int32_t Sampler::pick(std::span<float> logits, std::span<const int32_t> history) {
  if (options_.repetition_penalty != 1) penalize(logits, history);
  const auto [most, numbers] = likeliest_of(logits);
  if (!numbers || !std::isfinite(most)) {
    fail("the model's logits are not finite: the likeliest is {}{}", most,
         numbers ? "" : ", and some are no numbers");
  }
  if (options_.temperature <= 0) {
    return static_cast<int32_t>(std::find(logits.begin(), logits.end(), most) - logits.begin());
  }
  // Filters look at the model's own probabilities; the temperature applies to what they leave.
  const double lowest = most + std::log(double{options_.min_p});  // -inf if min_p is 0
  std::vector<Candidate> candidates;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= lowest) candidates.push_back({logits[i], static_cast<int32_t>(i)});
  }
  Ranking ranking(std::move(candidates));
  if (options_.top_k > 0) {
    ranking.truncate(std::min(ranking.size(), static_cast<size_t>(options_.top_k)));
  }
  if (options_.top_p < 1) {
    double sum = 0;
    for (float logit : logits) sum += std::exp(logit - most);
    ranking.truncate(count_top_p(ranking, most, options_.top_p * sum));
  }

  const auto weight = [most = most, this](const Candidate& c) {
    return std::exp((c.logit - most) / options_.temperature);
  };
  double total = 0;
  for (const Candidate& c : ranking.all()) total += weight(c);
  // Turns 53 random bits into a number in [0, 1): the standard distributions differ between
  // libraries.
  double target = static_cast<double>(random_() >> 11) * 0x1p-53 * total;
  for (size_t rank = 0; rank + 1 < ranking.size(); ++rank) {
    target -= weight(ranking[rank]);
    if (target < 0) return ranking[rank].id;
  }
  return ranking[ranking.size() - 1].id;
}

}  // namespace graft::generation
