#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// OLMo 2 (transformers' `modeling_olmo2.py`): the outputs of attention and MLP are normed, not
/// their inputs; q and k are normed as a whole.
std::unique_ptr<Model> make_olmo2(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
