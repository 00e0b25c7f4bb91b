#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// StableLM (transformers' `modeling_stablelm.py`): LayerNorms, heads rotated in part, optional
/// biases on q, k and v, heads' norms with a weight for each, attention and MLP in parallel.
std::unique_ptr<Model> make_stablelm(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
