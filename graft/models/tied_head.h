#pragma once

#include "graft/io/model_folder.h"
#include "graft/models/language_model_names.h"

namespace graft::models {

/// Whether the head is a tensor of its own (`lm_head`) and not tied to the embedding. If the config
/// does not say, the head is tied if the checkpoint has no other, and else the family's default
/// holds. If the config ties the head although the checkpoint has another, the checkpoint wins, as
/// in transformers (`tie_weights` in `modeling_utils.py`).
bool has_own_head(const io::ModelFolder& folder, const LanguageModelNames& names);

}  // namespace graft::models
