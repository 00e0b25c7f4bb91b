#include "graft/data/sampler.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/data/numbered_dataset.h"
#include "tests/support/expect_error.h"

namespace graft::data {
namespace {

TEST(Sampler, TakeEveryExampleOnceAnEpoch) {
  Dataset set = numbered(10);
  Sampler sampler(set, {}, 1);
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::map<size_t, int> seen;
    for (size_t size : {4u, 4u, 2u}) {
      Batch batch = sampler.next_group().at(0);
      EXPECT_EQ(batch.examples.size(), size);
      for (size_t index : batch.examples) ++seen[index];
    }
    EXPECT_EQ(seen.size(), 10u);
  }
}

TEST(Sampler, ComeInAnOrderThatTheSeedFixes) {
  Dataset set = numbered(50);
  auto order = [&](uint64_t seed) {
    return Sampler(set, {.batch_size = 50}, seed).next_group().at(0).examples;
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
  // Fixed for all machines and libraries, so that a seed means one run.
  const Dataset one = numbered(1);
  EXPECT_EQ(Sampler(one, {}, 0).next_group().at(0).examples, (std::vector<size_t>{0}));
}

TEST(Sampler, AGroupIsSoManyBatches) {
  Dataset set = numbered(10);
  Sampler one(set, {.batch_size = 3}, 5), grouped(set, {.batch_size = 3, .batches_a_step = 2}, 5);
  for (int step = 0; step < 5; ++step) {
    for (const Batch& batch : grouped.next_group()) {
      EXPECT_EQ(batch.examples, one.next_group().at(0).examples);
    }
  }
}

TEST(Sampler, GoesOnFromItsState) {
  Dataset set = numbered(10);
  for (int steps = 0; steps < 9; ++steps) {  // within an epoch, at its end, in the third
    Sampler sampler(set, {}, 1), other(set, {}, 99);
    for (int i = 0; i < steps; ++i) sampler.next_group();
    other.restore(sampler.state());
    EXPECT_EQ(other.state(), sampler.state());
    for (int i = 0; i < 7; ++i) {
      EXPECT_EQ(other.next_group().at(0).examples, sampler.next_group().at(0).examples);
    }
  }
}

// What fails in between is done again, also where an epoch begins within a group.
TEST(Sampler, AGroupThatIsTakenBackComesAgain) {
  Dataset set = numbered(10);
  for (const BatchOptions& options :
       {BatchOptions{.batch_size = 3, .batches_a_step = 2},
        BatchOptions{.batch_size = 4, .batches_a_step = 9},  // some epochs
        BatchOptions{.batch_tokens = 40, .batches_a_step = 3},
        BatchOptions{.batch_size = 3, .group_by_length = true}}) {
    Sampler sampler(set, options, 1);
    for (int step = 0; step < 12; ++step) {
      const SamplerState before = sampler.state();
      const auto places = sampler.next_places();
      const SamplerState after = sampler.state();
      sampler.take_back();
      EXPECT_EQ(sampler.state(), before);
      EXPECT_EQ(sampler.next_places(), places);
      EXPECT_EQ(sampler.state(), after);
    }
  }
}

TEST(Sampler, TheStateOfOtherExamplesIsRefused) {
  Dataset set = numbered(10);
  Sampler sampler(set, {}, 1);
  const Dataset fewer = numbered(9);
  const SamplerState good = sampler.state();
  SamplerState twice = good, beyond = good, broken = good;
  twice.order[0] = twice.order[1];
  beyond.position = 11;
  broken.generator = "1 2 three";
  for (const SamplerState& bad :
       {twice, beyond, broken, Sampler(fewer, {}, 1).state(), SamplerState{}}) {
    testing::expect_error([&] { sampler.restore(bad); }, "10 examples");
  }
  EXPECT_EQ(sampler.state(), good);
}

// Examples of 1 to `most` inputs.
Dataset of_lengths(size_t count, int most) {
  Dataset set;
  for (size_t i = 0; i < count; ++i) {
    set.examples.push_back({.ids = std::vector<int32_t>(2 + i * 7 % static_cast<size_t>(most), 1)});
  }
  return set;
}

TEST(Sampler, PacksWholeExamplesUpToATokenBudget) {
  const Dataset set = of_lengths(200, 30);
  Sampler sampler(set, {.batch_tokens = 64}, 1);
  std::map<size_t, int> seen;
  int64_t tokens = 0, batches = 0;
  while (seen.size() < 200) {
    const Batch batch = sampler.next_group().at(0);
    EXPECT_LE(batch.tokens(), 64);
    EXPECT_EQ(batch.offsets.size(), batch.examples.size() + 1);
    for (size_t index : batch.examples) ++seen[index];
    tokens += batch.tokens();
    ++batches;
  }
  for (const auto& [index, times] : seen) EXPECT_EQ(times, 1) << index;
  EXPECT_GT(static_cast<double>(tokens), 0.95 * 64 * static_cast<double>(batches - 1));
  EXPECT_EQ(Sampler::batches_in(set, {.batch_tokens = 64}, 1, 1), batches);
}

TEST(Sampler, AnExampleLongerThanTheBudgetIsABatch) {
  const Dataset set = of_lengths(20, 30);
  Sampler sampler(set, {.batch_tokens = 5}, 1);
  for (int i = 0; i < 12; ++i) {
    const Batch batch = sampler.next_group().at(0);
    EXPECT_TRUE(batch.tokens() <= 5 || batch.examples.size() == 1);
  }
}

TEST(Sampler, GroupsExamplesOfAboutTheSameLength) {
  const Dataset set = of_lengths(403, 30);
  const auto waste = [&](bool grouped) {
    Sampler sampler(set, {.batch_size = 4, .group_by_length = grouped}, 1);
    std::map<size_t, int> seen;
    int64_t padding = 0;
    for (int b = 0; b < 101; ++b) {
      const std::vector<size_t> places = sampler.next_places().at(0);
      EXPECT_EQ(places.size(), b < 100 ? 4u : 3u);
      int64_t longest = 0, sum = 0;
      for (size_t i : places) {
        ++seen[i];
        longest = std::max(longest, set.examples.length(i));
        sum += set.examples.length(i);
      }
      padding += longest * std::ssize(places) - sum;
    }
    EXPECT_EQ(seen.size(), 403u);
    return padding;
  };
  EXPECT_LT(waste(true), waste(false) / 10);
}

TEST(Sampler, DrawsSourcesByTheirShares) {
  Dataset set = numbered(100);
  set.shares = {{0, 90, 1}, {90, 100, 3}};
  Sampler sampler(set, {.batch_size = 100}, 1);
  for (int epoch = 0; epoch < 2; ++epoch) {
    std::map<size_t, int> seen;
    const std::vector<size_t> places = sampler.next_places().at(0);
    for (size_t i : places) ++seen[i];
    int first = 0;
    for (const auto& [i, times] : seen) {
      first += i < 90 ? times : 0;
      const bool as_often = i < 90 ? times == 1 : times == 7 || times == 8;  // 75 of 10
      EXPECT_TRUE(as_often) << i << ": " << times;
    }
    EXPECT_EQ(first, 25);
  }
}

TEST(Sampler, CountsNoMoreBatchesThanThereAreSteps) {
  const Dataset set = numbered(10);
  for (const int64_t batch_tokens : {0, 4}) {
    const BatchOptions options{.batch_tokens = batch_tokens, .batches_a_step = 3};
    EXPECT_EQ(Sampler::batches_in(set, options, 1, 1e300), int64_t{3} << 31);
  }
}

// The product of a weight and a count is beyond a double.
TEST(Sampler, SharesMayBeAsLargeAsNumbersAre) {
  Dataset set = numbered(100);
  set.shares = {{0, 50, 1e308}, {50, 100, 1e308}};
  Sampler sampler(set, {.batch_size = 100}, 1);
  const std::vector<size_t> places = sampler.next_places().at(0);
  EXPECT_EQ(std::set<size_t>(places.begin(), places.end()).size(), 100u);
}

TEST(Sampler, GoesOnWithBatchesThatArePackedAndMixed) {
  Dataset set = of_lengths(50, 20);
  set.shares = {{0, 20, 1}, {20, 50, 1}};
  const BatchOptions options{.batch_tokens = 40, .group_by_length = true};
  for (int steps = 0; steps < 40; steps += 3) {
    Sampler sampler(set, options, 1), other(set, options, 99);
    for (int i = 0; i < steps; ++i) sampler.next_group();
    other.restore(sampler.state());
    EXPECT_EQ(other.state(), sampler.state());
    for (int i = 0; i < 30; ++i) EXPECT_EQ(other.next_places(), sampler.next_places());
  }
  Sampler packed(set, options, 1);
  SamplerState no_ends = packed.state(), bad_ends = packed.state();
  no_ends.ends.clear();
  bad_ends.ends.back() = 49;
  for (const SamplerState& bad : {no_ends, bad_ends}) {
    testing::expect_error([&] { packed.restore(bad); }, "50 examples");
  }
}

}  // namespace
}  // namespace graft::data
