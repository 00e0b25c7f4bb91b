#pragma once

#include <string_view>
#include <vector>

#include "graft/io/gguf.h"
#include "graft/io/json.h"

namespace graft::convert {

/// The `rope_scaling` of config.json that a GGUF stands for: null, linear or yarn (from its
/// metadata), llama3 (from the divisors of the frequencies that it stores as `rope_freqs`) or
/// longrope (from its `rope_factors_short` and `_long`). Throws Error for any other kind, by name.
ordered_json rope_scaling_of(const io::GgufFile& file, std::string_view architecture,
                             double rope_theta, int rotary_dim);

/// Whether a tensor is one that `rope_scaling_of` reads.
inline bool is_rope_tensor(std::string_view name) {
  return name == "rope_freqs.weight" || name == "rope_factors_short.weight" ||
         name == "rope_factors_long.weight";
}

/// The head_dim/2 numbers by which RoPE of kind llama3 divides the frequencies.
std::vector<double> llama3_divisors(double factor, double rope_theta, int head_dim);

}  // namespace graft::convert
