#pragma once

#include <mlx/array.h>

#include <string>
#include <utility>
#include <vector>

#include "graft/io/gguf_keys.h"
#include "graft/nn/rope.h"

namespace graft::gguf {

namespace mx = mlx::core;

/// `<architecture>.rope.*` of a rotation.
void set_rope(io::GgufKeys& file, const std::string& architecture, const nn::RopeSettings& rope);

/// The tensors that a rotation needs beside these: the numbers by which frequencies are divided,
/// `rope_freqs.weight` for llama3, `rope_factors_long.weight` and `_short` for longrope.
std::vector<std::pair<std::string, mx::array>> rope_tensors(const nn::RopeSettings& rope);

}  // namespace graft::gguf
