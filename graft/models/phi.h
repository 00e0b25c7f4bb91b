#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Phi-1, Phi-1.5 and Phi-2 (transformers' `modeling_phi.py`): one LayerNorm per block, attention
/// and a plain MLP in parallel, biases everywhere, partial rotary embedding.
std::unique_ptr<Model> make_phi(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
