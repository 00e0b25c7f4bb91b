#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Gemma 2 (transformers' `modeling_gemma2.py`): Gemma with norms before and after attention and
/// MLP, soft caps on scores and logits, and a window on every other layer.
std::unique_ptr<Model> make_gemma2(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
