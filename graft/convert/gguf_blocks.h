#pragma once

#include <mlx/mlx.h>

#include <string>
#include <string_view>
#include <vector>

#include "graft/io/gguf.h"
#include "graft/io/gguf_row_order.h"
#include "graft/io/quantization_config.h"

namespace graft::convert {

namespace mx = mlx::core;

using io::RowOrder;

/// Whether MLX's format holds a type's blocks exactly: those of 32 elements with a scale.
bool is_exact_in_mlx(io::GgufTensorType type);

/// The same quantization in MLX: groups of 32; 4 bits for Q4_0 and Q4_1, 5 for Q5_0 and Q5_1, 8 for
/// Q8_0.
io::LayerQuantization quantization_of(io::GgufTensorType type);

/// The weight, scales and biases (float16) of MLX's affine quantization that stand for exactly the
/// numbers of the blocks: Q4_1 and Q5_1 have scale and minimum; Q4_0's d*(q-8) is d*q + (-8*d), and
/// Q5_0 the same with 16; Q8_0's d*q is d*(q+128) + (-128*d). Throws Error, naming the tensor,
/// where a scale is not finite or a bias does not fit float16.
std::vector<mx::array> quantized_from_blocks(const io::GgufFile& file, const std::string& name,
                                             RowOrder order);

/// The numbers themselves: blocks exactly, in float32; other tensors in their own type.
mx::array plain_from_gguf(const io::GgufFile& file, const std::string& name, RowOrder order);

}  // namespace graft::convert
