#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// SmolLM3 (transformers' `modeling_smollm3.py`): Llama without rotary embedding in every fourth
/// layer; those layers may have a window.
std::unique_ptr<Model> make_smollm3(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
