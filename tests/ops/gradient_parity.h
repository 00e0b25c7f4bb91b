#pragma once

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <functional>
#include <numeric>
#include <vector>

#include "graft/ops/backend.h"
#include "tests/support/distance.h"

namespace graft::ops {

using Function = std::function<std::vector<mx::array>(const std::vector<mx::array>&)>;

/// Values of a function at `inputs`, and the gradients of all its inputs for fixed cotangents.
struct ValuesAndGradients {
  std::vector<mx::array> values, gradients;
};

inline ValuesAndGradients evaluate_op(const Function& function,
                                      const std::vector<mx::array>& inputs,
                                      const std::vector<mx::array>& cotangents, bool cpu_kernels) {
  KernelsScope backend(cpu_kernels ? Kernels::own : Kernels::mlx);
  auto [values, gradients] = mx::vjp(function, inputs, cotangents);
  mx::eval(values);
  mx::eval(gradients);
  return {values, gradients};
}

/// Holds our kernels against the portable form: values and gradients, with inputs of `dtype` on the
/// one side and the same numbers in f32 on the other. `tolerance` is relative to the largest.
inline void expect_parity(const Function& function, std::vector<mx::array> inputs, mx::Dtype dtype,
                          double tolerance) {
  std::vector<mx::array> wide, cotangents, wide_cotangents;
  for (mx::array& input : inputs) {
    wide.push_back(mx::astype(input, mx::float32));
  }
  {
    KernelsScope backend(Kernels::mlx);
    mx::random::seed(7);
    for (const mx::array& value : function(wide)) {
      wide_cotangents.push_back(
          mx::astype(mx::astype(mx::random::normal(value.shape()), dtype), mx::float32));
    }
  }
  {
    KernelsScope backend(Kernels::own);
    auto outputs = function(inputs);
    for (size_t i = 0; i < outputs.size(); ++i) {
      cotangents.push_back(mx::astype(wide_cotangents[i], outputs[i].dtype()));
    }
  }
  auto found = evaluate_op(function, inputs, cotangents, true);
  auto expected = evaluate_op(function, wide, wide_cotangents, false);
  ASSERT_EQ(found.values.size(), expected.values.size());
  for (size_t i = 0; i < found.values.size(); ++i) {
    EXPECT_LT(testing::distance(found.values[i], expected.values[i]), tolerance) << "value " << i;
  }
  for (size_t i = 0; i < found.gradients.size(); ++i) {
    EXPECT_LT(testing::distance(found.gradients[i], expected.gradients[i]), tolerance)
        << "gradient of input " << i;
    // What computed the input reads its gradient as that.
    EXPECT_EQ(found.gradients[i].dtype(), inputs[i].dtype()) << "gradient of input " << i;
  }
}

inline mx::array random_array(const mx::Shape& shape, mx::Dtype dtype, float scale = 1.0f) {
  return mx::astype(mx::multiply(mx::random::normal(shape), mx::array(scale)), dtype);
}

/// What a difference may be: f32 sums in another order, or one rounding of the storage type.
inline double tolerance_of(mx::Dtype dtype) {
  if (dtype == mx::float32) return 2e-5;
  return dtype == mx::bfloat16 ? 2e-2 : 3e-3;
}

}  // namespace graft::ops
