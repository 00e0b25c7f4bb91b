#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Mixtral (transformers' `modeling_mixtral.py`): Mistral with experts as feed-forward layers. The
/// router takes an adapter by default, as in mlx-examples.
std::unique_ptr<Model> make_mixtral(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
