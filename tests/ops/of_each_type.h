#pragma once

#include <gtest/gtest.h>

#include <string>

#include "graft/ops/weight.h"
#include "tests/ops/gradient_parity.h"

namespace graft::ops {

/// A test of an operation for each type of activations.
class OfEachType : public ::testing::TestWithParam<mx::Dtype> {
 protected:
  OfEachType() { mx::random::seed(1); }
  mx::Dtype dtype() const { return GetParam(); }
  double tolerance() const { return tolerance_of(dtype()); }
  mx::array random(const mx::Shape& shape, float scale = 1.0f) const {
    return random_array(shape, dtype(), scale);
  }
};

inline const auto kEachType = ::testing::Values(mx::float32, mx::bfloat16, mx::float16);

inline std::string name_of_type(const ::testing::TestParamInfo<mx::Dtype>& type) {
  if (type.param == mx::float32) return "f32";
  return type.param == mx::bfloat16 ? "bf16" : "f16";
}

/// In mode affine.
inline Weight quantized(const mx::array& dense, int group_size, int bits, mx::Dtype scales) {
  auto parts = mx::quantize(dense, group_size, bits);
  mx::eval(parts);
  Weight w{parts[0], mx::astype(parts[1], scales), mx::astype(parts[2], scales), bits, group_size};
  mx::eval(*w.scales, *w.biases);
  return w;
}

}  // namespace graft::ops
