#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Qwen2 and Qwen2.5 (transformers' `modeling_qwen2.py`): Llama with biases on q, k and v, and a
/// window on some layers if `use_sliding_window` is set.
std::unique_ptr<Model> make_qwen2(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

}  // namespace graft::models
