#pragma once

#include <string_view>

namespace graft::lora {

/// Whether `key` names the module of this path: as it is, or its last parts, whole ones. "q_proj"
/// and "self_attn.q_proj" name "model.layers.0.self_attn.q_proj". So PEFT and mlx-lm have it.
inline bool names_module(std::string_view key, std::string_view path) {
  if (path == key) return true;
  return path.size() > key.size() && path.ends_with(key) &&
         path[path.size() - key.size() - 1] == '.';
}

}  // namespace graft::lora
