#pragma once

#include <string>

#include "graft/tokenizer/bpe.h"
#include "graft/tokenizer/json_reader.h"

namespace graft {

/// Takes the `model` of a tokenizer.json: its next value. Vocabulary and merges are read without a
/// tree. Throws Error, which names `name` and the field, if it is no byte-level BPE.
BpeModel read_bpe_model(JsonReader& reader, const std::string& name);

}  // namespace graft
