#include "graft/training/figures.h"

#include <gtest/gtest.h>

namespace graft::training {
namespace {

TEST(Figures, ASpikeIsMoreThanTenTimesTheMedianOfTheStepsBefore) {
  Figures figures;
  // Before 16 steps nobody knows what is usual.
  for (int i = 0; i < 15; ++i) EXPECT_FALSE(figures.add(1, i == 7 ? 1000 : 2, 1));
  EXPECT_FALSE(figures.add(1, 1000, 1));
  EXPECT_FALSE(figures.add(1, 20, 1));
  EXPECT_EQ(figures.add(1, 20.5, 1), 2.0);
  EXPECT_EQ(figures.spikes(), 1);
  EXPECT_EQ(Figures::from_json(figures.to_json()).add(1, 21, 1), 2.0);
  // What stays becomes usual.
  for (int i = 0; i < 64; ++i) figures.add(1, 30, 1);
  EXPECT_FALSE(figures.add(1, 290, 1));
  EXPECT_EQ(figures.add(1, 301, 1), 30.0);
}

}  // namespace
}  // namespace graft::training
