#include "graft/ops/after.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <vector>

#include "graft/ops/backend.h"
#include "graft/ops/norm.h"

namespace graft::ops {
namespace {

TEST(After, IsCalledWhenItsArrayIsComputedAndNotBefore) {
  if (!use_cpu_kernels()) GTEST_SKIP() << "MLX's operations call nothing";
  std::vector<int> called;
  const mx::array one = mx::ones({4}), x = mx::add(mx::ones({2, 4}), mx::array(1.0f));
  // Each needs the one before.
  const mx::array a = after(rms_norm(x, one, 0), [&] { called.push_back(1); });
  const mx::array b = after(rms_norm(mx::multiply(a, a), one, 0), [&] { called.push_back(2); });
  EXPECT_TRUE(called.empty());
  mx::array sum = mx::add(b, x);
  mx::eval(sum);
  EXPECT_EQ(called, (std::vector<int>{1, 2}));
  EXPECT_EQ(mx::sum(mx::array(sum)).item<float>(), 24);  // 8 times 1 + 2: x is as it was
}

}  // namespace
}  // namespace graft::ops
