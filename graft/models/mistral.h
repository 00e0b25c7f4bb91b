#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Mistral (transformers' `modeling_mistral.py`): Llama with a window on every layer, if
/// `sliding_window` sets one.
std::unique_ptr<Model> make_mistral(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
