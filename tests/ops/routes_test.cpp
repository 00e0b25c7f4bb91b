#include "graft/ops/routes.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>

namespace graft::ops {
namespace {

using Ids = std::vector<int32_t>;

Ids values(mx::array a) {
  a = mx::contiguous(a);
  a.eval();
  return {a.data<int32_t>(), a.data<int32_t>() + a.size()};
}

TEST(Routes, AreTheLargestOfEachRowInTheOrderOfExperts) {
  const mx::array logits({0.1f, 0.9f, 0.5f, 0.2f,   // 1, 2
                          2.0f, -1.0f, 3.0f, 0.0f,  // 2, 0
                          0.0f, 0.4f, 0.3f, 0.0f},  // 1, 2
                         {3, 4});
  const Routes routes = route(logits, 2);
  EXPECT_EQ(routes.experts, (Ids{1, 2, 2, 0, 1, 2}));
  EXPECT_EQ(routes.begin, (Ids{0, 1, 3, 6, 6}));  // nobody goes to the last one
  EXPECT_EQ(routes.slots, (Ids{3, 0, 4, 1, 2, 5}));
  EXPECT_EQ(values(routes.tokens()), (Ids{1, 0, 2, 0, 1, 2}));
  EXPECT_EQ(values(routes.places()), (Ids{1, 3, 4, 0, 2, 5}));
  EXPECT_EQ(values(routes.choices()), routes.experts);
  EXPECT_EQ(routes.choices().shape(), (mx::Shape{3, 2}));
}

TEST(Routes, OfEqualOnesTheFirst) {
  EXPECT_EQ(route(mx::zeros({2, 5}), 3).experts, (Ids{0, 1, 2, 0, 1, 2}));
}

TEST(Routes, OfAnyTypeAndOrderInMemory) {
  const mx::array logits({1.0f, 0.0f, 0.0f, 2.0f}, {2, 2});
  const mx::array turned = mx::astype(mx::transpose(logits), mx::bfloat16);
  EXPECT_EQ(route(turned, 1).experts, (Ids{0, 1}));
}

}  // namespace
}  // namespace graft::ops
