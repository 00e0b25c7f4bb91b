#pragma once

#include "graft/tokenizer/model_fields.h"
#include "graft/tokenizer/unigram.h"

namespace graft::tokenizer {

/// The Unigram model of a tokenizer.json. Throws Error, which names the file and the field, if
/// something is broken.
UnigramModel read_unigram_model(const ModelFields& fields, Spelling spelling);

}  // namespace graft::tokenizer
