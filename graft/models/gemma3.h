#pragma once

#include <memory>
#include <optional>

#include "graft/io/model_folder.h"
#include "graft/models/model.h"

namespace graft::models {

/// Gemma 3 (transformers' `modeling_gemma3.py`): Gemma 2 without caps, with norms on q and k heads.
/// For each layer without a window, five have one, with a RoPE base of their own.
std::unique_ptr<Model> make_gemma3(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);

/// The text part of a multimodal checkpoint of Gemma 3.
std::unique_ptr<Model> make_gemma3_multimodal(const io::ModelFolder& folder,
                                              std::optional<mx::Dtype> dtype);

}  // namespace graft::models
