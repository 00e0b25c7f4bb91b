#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Qwen3-MoE (transformers' `modeling_qwen3_moe.py`): Qwen3 with experts in some or all
/// feed-forward layers.
std::unique_ptr<Model> make_qwen3_moe(const io::ModelFolder& folder,
                                      std::optional<mx::Dtype> dtype);

}  // namespace graft::models
