// Operations that run as they are called: our kernels against the portable form.

#include <gtest/gtest.h>

#include <vector>

#include "graft/ops/activation.h"
#include "graft/ops/linear.h"
#include "graft/ops/norm.h"
#include "tests/ops/of_each_type.h"

namespace graft::ops {
namespace {

class RunningAtOnce : public OfEachType {};

// The same bits, with and without a graph; also where the graph has nodes of MLX's own.
TEST_P(RunningAtOnce, RunAtOnceGivesTheSameAsAGraph) {
  const mx::array x = random({3, 64}), weight = random({64});
  const Weight dense{random({90, 64}), {}, {}, 0, 0};
  auto compute = [&] {
    mx::array turned = mx::transpose(mx::transpose(rms_norm(x, weight, 1e-5f)));
    std::vector<mx::array> y = linear(turned, {{dense, {}, {}}, {dense, {}, {}}});
    return gated_activation(Activation::silu, y[0], mx::slice(y[1], {0, 0}, {3, 90}));
  };
  KernelsScope backend(Kernels::own);
  mx::array lazy = compute();
  EXPECT_NE(lazy.status(), mx::array::Status::available);
  {
    const RunAtOnce at_once;
    mx::array at = compute();
    EXPECT_EQ(at.status(), mx::array::Status::available);
    EXPECT_EQ(testing::distance(mx::astype(lazy, mx::float32), mx::astype(at, mx::float32)), 0);
  }
  EXPECT_NE(compute().status(), mx::array::Status::available);
  KernelsScope portable(Kernels::mlx);
  const RunAtOnce nothing;
  EXPECT_NE(compute().status(), mx::array::Status::available);
}

TEST_P(RunningAtOnce, RunAtOnceLeavesGradientsAsTheyAre) {
  const mx::array x = random({3, 64}), weight = random({64});
  auto gradient = [&] {
    auto loss = [&](const mx::array& in) {
      return mx::sum(mx::astype(rms_norm(in, weight, 1e-5f), mx::float32));
    };
    mx::array g = mx::astype(mx::grad(loss)(x), mx::float32);
    g.eval();
    return g;
  };
  KernelsScope backend(Kernels::own);
  const mx::array lazy = gradient();
  const RunAtOnce at_once;
  EXPECT_EQ(testing::distance(gradient(), lazy), 0);
}

INSTANTIATE_TEST_SUITE_P(Types, RunningAtOnce, kEachType, name_of_type);

}  // namespace
}  // namespace graft::ops
