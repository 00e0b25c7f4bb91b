#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// StableLM (transformers' `modeling_stablelm.py`): LayerNorms, partial rotary embedding, optional
/// biases on q, k and v, head norms with separate weights for each head, attention and MLP in
/// parallel.
std::unique_ptr<Model> make_stablelm(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
