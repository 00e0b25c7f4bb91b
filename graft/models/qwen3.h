#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Qwen3 (transformers' `modeling_qwen3.py`): Llama whose q and k heads are normed, each by itself,
/// before they are rotated.
std::unique_ptr<Model> make_qwen3(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
