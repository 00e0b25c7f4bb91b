#pragma once

#include "graft/tokenizer/bpe.h"
#include "graft/tokenizer/model_fields.h"

namespace graft::tokenizer {

/// The BPE model of a tokenizer.json. Vocabulary and merges are read without building a JSON tree.
/// Throws Error, which names the file and the field, if something is broken or not supported.
BpeModel read_bpe_model(const ModelFields& fields, Spelling spelling);

}  // namespace graft::tokenizer
