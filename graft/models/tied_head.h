#pragma once

#include "graft/io/model_folder.h"
#include "graft/models/language_model_names.h"

namespace graft::models {

/// Whether the head is a tensor of its own (`lm_head`) and not the embedding once more. A config
/// that says nothing means its family's default, and a tied head where there is no other to take.
/// One that ties the head although the checkpoint has another is wrong, and the checkpoint is
/// right, as in transformers (`tie_weights` in `modeling_utils.py`).
bool has_own_head(const io::ModelFolder& folder, const LanguageModelNames& names);

}  // namespace graft::models
