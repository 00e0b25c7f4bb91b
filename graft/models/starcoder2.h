#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// StarCoder2 (transformers' `modeling_starcoder2.py`): LayerNorms, biases, a plain MLP, and a
/// window if `sliding_window` sets one.
std::unique_ptr<Model> make_starcoder2(const io::ModelFolder& folder,
                                       std::optional<mx::Dtype> dtype);

}  // namespace graft::models
