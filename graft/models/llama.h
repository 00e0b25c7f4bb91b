#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// The Llama family (transformers' `modeling_llama.py`): RMSNorm, rotary embedding, grouped-query
/// attention, SwiGLU; biases, head width and rope type as the config says.
std::unique_ptr<Model> make_llama(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
