#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <vector>

#include "graft/calibration/levels.h"
#include "graft/io/quantization_config.h"
#include "graft/ops/weight.h"

namespace graft::calibration {

namespace mx = mlx::core;

/// A quantized matrix [out, in] with its parts as single numbers: w = level * scale + bias.
struct QuantizedMatrix {
  int out, in;
  io::LayerQuantization setting;
  mx::Dtype dtype;                    // of scales and biases in mode affine
  std::vector<uint8_t> codes;         // the levels' indices, [out, in]
  std::vector<float> scales, biases;  // [out, in / group_size], as they are stored; biases: or 0

  int groups() const { return in / setting.group_size; }
  const Levels& levels() const { return Levels::of(setting.mode, setting.bits); }

  /// The nearest scale that can be stored: for float16 and bfloat16 rounded, of E8M0 a power of
  /// two, of E4M3 above 0.
  float as_scale(float value) const;

  /// The numbers [out, in], f32.
  mx::array dense() const;
  /// As MLX stores it.
  ops::Weight packed() const;

  static QuantizedMatrix of(const ops::Weight& weight);
  /// A dense one, f32, as MLX quantizes it: each group's scale and bias follow from its ends.
  static QuantizedMatrix nearest(const mx::array& dense, const io::LayerQuantization& setting,
                                 mx::Dtype dtype);
};

/// A number as `dtype` has it: float32, float16 or bfloat16.
float as_stored(float value, mx::Dtype dtype);

}  // namespace graft::calibration
