#pragma once

#include <optional>
#include <string>

namespace graft::lora {

/// The key of a linear layer as mlx-lm has it, from "model.layers.3.self_attn.q_proj": what stands
/// behind the layer's number, or else the whole path.
std::string key_of(const std::string& path);

/// The number of its layer; none outside of the layers.
std::optional<int> layer_of(const std::string& path);

}  // namespace graft::lora
