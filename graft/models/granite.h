#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Granite 3 (transformers' `modeling_granite.py`): Llama with factors on the embedding, the
/// scores, what blocks add, and the logits.
std::unique_ptr<Model> make_granite(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
