#pragma once

#include <mlx/mlx.h>

#include <string>
#include <string_view>
#include <vector>

#include "graft/io/gguf.h"
#include "graft/io/quantization_config.h"

namespace graft::convert {

namespace mx = mlx::core;

/// Where the rows of a matrix stand in a GGUF file. Those of Q and K are permuted there: rows j and
/// j + C/2 of a head of width C, which RoPE rotates together, stand side by side.
struct RowOrder {
  int head_dim = 0;  // 0: as they are

  /// The row of the file that becomes `row`.
  int64_t stored(int64_t row) const;
};

/// Whether MLX's format holds a type's blocks exactly: those of 32 elements with a scale.
bool is_exact_in_mlx(io::GgufTensorType type);

/// What MLX calls the same: groups of 32; 4 bits for Q4_0 and Q4_1, 5 for Q5_0 and Q5_1, 8 for
/// Q8_0.
io::LayerQuantization quantization_of(io::GgufTensorType type);

/// The weight, scales and biases (float16) of MLX's affine quantization that stand for exactly the
/// numbers of the blocks: Q4_1 and Q5_1 have scale and minimum; Q4_0's d*(q-8) is d*q + (-8*d), and
/// Q5_0 the same with 16; Q8_0's d*q is d*(q+128) + (-128*d). Throws Error, naming the tensor,
/// where a scale is not finite or a bias does not fit float16.
std::vector<mx::array> quantized_from_blocks(const io::GgufFile& file, const std::string& name,
                                             RowOrder order);

/// The numbers themselves: of blocks in float32, exactly; of others in their own type.
mx::array plain_from_gguf(const io::GgufFile& file, const std::string& name, RowOrder order);

}  // namespace graft::convert
