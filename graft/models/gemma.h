#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Gemma (transformers' `modeling_gemma.py`): norms of weight 1 + w, embeddings times sqrt(D), a
/// gate of tanh-GELU, the head tied.
std::unique_ptr<Model> make_gemma(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
