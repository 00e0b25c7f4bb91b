#pragma once

#include <mlx/array.h>

#include <vector>

#include "graft/io/quantization_config.h"

namespace graft::convert {

namespace mx = mlx::core;

/// The packed weight, scales and, if the mode has them, biases that mx::quantize makes of `weight`
/// [out, in] cast to `dtype`, bit for bit. MLX quantizes on one core: here num_threads() parts of
/// the rows are quantized at once, each on its own thread-local stream; one part on a GPU, or if
/// there is too little to do.
std::vector<mx::array> quantize_rows(const mx::array& weight, mx::Dtype dtype,
                                     const io::LayerQuantization& setting);

}  // namespace graft::convert
