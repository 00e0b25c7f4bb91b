#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Qwen3 (transformers' `modeling_qwen3.py`): Llama with a norm on each q and k head before the
/// rotary embedding.
std::unique_ptr<Model> make_qwen3(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
