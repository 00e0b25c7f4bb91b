#include "graft/ops/routes.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include <limits>

#include "graft/ops/backend.h"

namespace graft::ops {
namespace {

using Ids = std::vector<int32_t>;

Ids values(mx::array a) {
  EXPECT_EQ(a.dtype(), mx::int32);
  a = mx::contiguous(a);
  a.eval();
  return {a.data<int32_t>(), a.data<int32_t>() + a.size()};
}

// On our kernel and on MLX's operations.
class RoutesOn : public ::testing::TestWithParam<Kernels> {
  KernelsScope scope_{GetParam()};
};

TEST_P(RoutesOn, AreTheLargestOfEachRowInTheOrderOfExperts) {
  const mx::array logits({0.1f, 0.9f, 0.5f, 0.2f,   // 1, 2
                          2.0f, -1.0f, 3.0f, 0.0f,  // 2, 0
                          0.0f, 0.4f, 0.3f, 0.0f},  // 1, 2
                         {3, 4});
  const Routes routes = route(logits, 2);
  EXPECT_EQ(values(routes.choices), (Ids{1, 2, 2, 0, 1, 2}));
  EXPECT_EQ(routes.choices.shape(), (mx::Shape{3, 2}));
  EXPECT_EQ(values(routes.experts), (Ids{0, 1, 1, 2, 2, 2}));  // nobody goes to the last one
  EXPECT_EQ(values(routes.tokens), (Ids{1, 0, 2, 0, 1, 2}));
  EXPECT_EQ(values(routes.places), (Ids{1, 3, 4, 0, 2, 5}));
}

TEST_P(RoutesOn, OfEqualOnesTheFirst) {
  EXPECT_EQ(values(route(mx::zeros({2, 5}), 3).choices), (Ids{0, 1, 2, 0, 1, 2}));
}

TEST_P(RoutesOn, WhatIsNotANumberComesLast) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const mx::array logits({nan, 1.0f, nan, 2.0f, nan, nan, nan, nan}, {2, 4});
  EXPECT_EQ(values(route(logits, 3).choices), (Ids{3, 1, 0, 0, 1, 2}));
}

TEST_P(RoutesOn, OfAnyTypeAndOrderInMemory) {
  const mx::array logits({1.0f, 0.0f, 0.0f, 2.0f}, {2, 2});
  const mx::array turned = mx::astype(mx::transpose(logits), mx::bfloat16);
  EXPECT_EQ(values(route(turned, 1).choices), (Ids{0, 1}));
}

INSTANTIATE_TEST_SUITE_P(Kernels, RoutesOn, ::testing::Values(Kernels::own, Kernels::mlx),
                         [](const auto& kernels) {
                           return kernels.param == Kernels::own ? "own" : "mlx";
                         });

}  // namespace
}  // namespace graft::ops
