#include "graft/nn/dropout.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "tests/support/distance.h"

namespace graft::nn {
namespace {

mx::array mask(const DropoutKey& key, std::string_view place, float share = 0.3f) {
  return dropout(mx::ones({64, 100}), share, key, place);
}

TEST(Dropout, SetsAShareToZeroAndDividesTheRest) {
  const mx::array dropped = mask({1, 2}, "a");
  const mx::array zero = mx::equal(dropped, mx::array(0.0f));
  EXPECT_NEAR(mx::mean(mx::astype(zero, mx::float32)).item<float>(), 0.3, 0.02);
  const mx::array kept = mx::equal(dropped, mx::array(1 / (1 - 0.3f)));
  EXPECT_TRUE(mx::all(mx::logical_or(zero, kept)).item<bool>());
}

TEST(Dropout, DependsOnSeedStepAndPlaceAlone) {
  const DropoutKey key{7, 3};
  const mx::array one = mask(key, "model.layers.0.mlp.up_proj");
  EXPECT_EQ(testing::distance(mask(key, "model.layers.0.mlp.up_proj"), one), 0);
  for (const mx::array& other :
       {mask({8, 3}, "model.layers.0.mlp.up_proj"), mask({7, 4}, "model.layers.0.mlp.up_proj"),
        mask({3, 7}, "model.layers.0.mlp.up_proj"), mask(key, "model.layers.1.mlp.up_proj")}) {
    EXPECT_GT(testing::distance(other, one), 0.1);
  }
}

// A token drops the same wherever it stands: what its number says, not its place in a batch.
TEST(Dropout, OfATokenFollowsItsNumberInTheStep) {
  const mx::array whole = mask({7, 3}, "a");
  DropoutKey key{7, 3};
  key.rows = mx::array({40, 3, 63}, mx::uint32);
  const mx::array part = dropout(mx::ones({3, 100}), 0.3f, key, "a");
  EXPECT_EQ(testing::distance(part, mx::take(whole, mx::array({40, 3, 63}), 0)), 0);
}

}  // namespace
}  // namespace graft::nn
