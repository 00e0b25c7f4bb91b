#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Phi-3, Phi-3.5 and Phi-4 (transformers' `modeling_phi3.py`): Llama with q, k and v in one
/// projection, gate and up in another, and a window if `sliding_window` sets one. Adapters are on
/// `qkv_proj`, as in mlx-lm and PEFT.
std::unique_ptr<Model> make_phi3(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
