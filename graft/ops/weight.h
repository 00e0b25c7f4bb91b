#pragma once

#include <mlx/array.h>

#include <optional>
#include <string>
#include <vector>

#include "graft/base/quantization_mode.h"

namespace graft::ops {

namespace mx = mlx::core;

/// The matrix of a linear layer or an embedding, dense or quantized in one of MLX's modes. For
/// storage only, several may be stacked: [E, out, in].
struct Weight {
  mx::array weight;                 // [out, in], or uint32 [out, in*bits/32] where quantized
  std::optional<mx::array> scales;  // [out, in/group_size]; bytes unless the mode is affine
  std::optional<mx::array> biases;  // [out, in/group_size] where the mode has them
  int bits = 0;
  int group_size = 0;
  QuantizationMode mode = QuantizationMode::affine;

  bool quantized() const { return scales.has_value(); }
  int out() const { return weight.shape(-2); }
  int in() const { return quantized() ? scales->shape(-1) * group_size : weight.shape(-1); }
  size_t nbytes() const;
  /// weight[, scales[, biases]]: what a primitive takes as inputs.
  std::vector<mx::array> arrays() const;
};

/// Matrix `index` of a stack [E, out, in].
mx::array matrix_of(const mx::array& stack, int index);
Weight matrix_of(const Weight& stack, int index);

/// Rows [begin, end) of an array, or of a matrix [out, in].
mx::array rows_of(const mx::array& array, int begin, int end);
Weight rows_of(const Weight& weight, int begin, int end);

/// Weights of one shape and format [out, in] as one [E, out, in].
Weight stacked(const std::vector<Weight>& weights);

/// The matrix as a dense [out, in] array: computed in f32 and rounded once.
mx::array dequantized(const Weight& weight, mx::Dtype dtype);

/// A dense array, quantized as MLX does. Scales and biases of mode affine get its type.
Weight quantized_as(const mx::array& dense, QuantizationMode mode, int bits, int group_size);
/// The same of an array in f32: of type `scales` in mode affine; the other modes lose nothing by
/// f32.
Weight quantized_as(const mx::array& dense, QuantizationMode mode, int bits, int group_size,
                    mx::Dtype scales);

/// What MLX's operations with quantized matrices take beside the weight itself: scales and biases
/// that are multiplied in `dtype`.
struct Scaling {
  mx::array scales;
  std::optional<mx::array> biases;
  std::string mode;
};
Scaling scaling_in(const Weight& weight, mx::Dtype dtype);

}  // namespace graft::ops
