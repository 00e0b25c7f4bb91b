#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <vector>

#include "graft/io/quantization_config.h"
#include "graft/ops/weight.h"

namespace graft::calibration {

namespace mx = mlx::core;

/// A matrix [out, in] in MLX's mode affine, w = q * scale + bias, with its parts as single numbers.
struct AffineMatrix {
  int out, in, bits, group_size;
  mx::Dtype dtype;                    // of scales and biases in their files
  std::vector<uint8_t> codes;         // q, [out, in]
  std::vector<float> scales, biases;  // [out, in / group_size], numbers that dtype has

  int groups() const { return in / group_size; }
  int most() const { return (1 << bits) - 1; }  // the largest q

  /// The numbers [out, in], f32.
  mx::array dense() const;
  /// As MLX stores it.
  ops::Weight packed() const;

  /// Of a quantized weight. Throws Error for other modes.
  static AffineMatrix of(const ops::Weight& weight);
  /// A dense one, f32, as MLX quantizes it: each group's scale and bias follow from its ends.
  static AffineMatrix nearest(const mx::array& dense, int bits, int group_size, mx::Dtype dtype);
};

/// A number as `dtype` has it: float32, float16 or bfloat16.
float as_stored(float value, mx::Dtype dtype);

}  // namespace graft::calibration
