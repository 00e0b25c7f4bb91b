#include "graft/data/sampler.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/data/numbered_dataset.h"
#include "tests/support/expect_error.h"

namespace graft::data {
namespace {

TEST(Sampler, TakeEveryExampleOnceAnEpoch) {
  Dataset set = numbered(10);
  Sampler sampler(set, 4, 1);
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
  auto order = [&](uint64_t seed) { return Sampler(set, 50, seed).next_group().at(0).examples; };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
  // Fixed for all machines and libraries, so that a seed means one run.
  EXPECT_EQ(Sampler(numbered(1), 4, 0).next_group().at(0).examples, (std::vector<size_t>{0}));
}

TEST(Sampler, AGroupIsSoManyBatches) {
  Dataset set = numbered(10);
  Sampler one(set, 3, 5), grouped(set, 3, 5, 2);
  for (int step = 0; step < 5; ++step) {
    for (const Batch& batch : grouped.next_group()) {
      EXPECT_EQ(batch.examples, one.next_group().at(0).examples);
    }
  }
}

TEST(Sampler, GoesOnFromItsState) {
  Dataset set = numbered(10);
  for (int steps = 0; steps < 9; ++steps) {  // within an epoch, at its end, in the third
    Sampler sampler(set, 4, 1), other(set, 4, 99);
    for (int i = 0; i < steps; ++i) sampler.next_group();
    other.restore(sampler.state());
    EXPECT_EQ(other.state(), sampler.state());
    for (int i = 0; i < 7; ++i) {
      EXPECT_EQ(other.next_group().at(0).examples, sampler.next_group().at(0).examples);
    }
  }
}

TEST(Sampler, TheStateOfOtherExamplesIsRefused) {
  Dataset set = numbered(10);
  Sampler sampler(set, 4, 1);
  const SamplerState good = sampler.state();
  SamplerState twice = good, beyond = good, broken = good;
  twice.order[0] = twice.order[1];
  beyond.position = 11;
  broken.generator = "1 2 three";
  for (const SamplerState& bad :
       {twice, beyond, broken, Sampler(numbered(9), 4, 1).state(), SamplerState{}}) {
    testing::expect_error([&] { sampler.restore(bad); }, "10 examples");
  }
  EXPECT_EQ(sampler.state(), good);
}

}  // namespace
}  // namespace graft::data
