#pragma once

#include <gtest/gtest.h>
#include <mlx/array.h>
#include <mlx/ops.h>

namespace graft::testing {

/// The largest difference, relative to the largest expected value. A test failure where the shapes
/// differ or a value is not finite.
inline double distance(const mlx::core::array& found, const mlx::core::array& expected) {
  namespace mx = mlx::core;
  EXPECT_EQ(found.shape(), expected.shape());
  mx::array wide = mx::astype(found, mx::float32);
  mx::array reference = mx::astype(expected, mx::float32);
  EXPECT_TRUE(mx::all(mx::isfinite(wide)).item<bool>()) << "a value is not finite";
  double most = mx::max(mx::abs(mx::subtract(wide, reference))).item<float>();
  double largest = mx::max(mx::abs(reference)).item<float>();
  return largest == 0 ? most : most / largest;
}

}  // namespace graft::testing
