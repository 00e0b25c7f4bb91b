#pragma once

#include <cstddef>

#include "graft/base/front_end.h"
#include "graft/io/gguf_keys.h"
#include "graft/io/model_folder.h"

namespace graft::gguf {

/// Whether `general.name` must contain "phi-3", by which llama.cpp lets special tokens take the
/// white space after them, as those of this tokenizer do. For no other tokenizer may it. Throws as
/// reading a tokenizer does.
bool wants_phi3_name(const io::ModelFolder& source);

/// Sets the keys `tokenizer.*` of a GGUF file for the tokenizer and the chat templates of a model's
/// folder, so that llama.cpp gives the same tokens; the front end gets a note of each case in which
/// it does not. `rows` is how many the embedding has. Throws Error, which names the file and what
/// it is, for a tokenizer that llama.cpp cannot run. The inverse of gguf_tokenizer_files.
void add_vocabulary(io::GgufKeys& writer, const io::ModelFolder& source, size_t rows,
                    FrontEnd& front_end = *silent_front_end());

}  // namespace graft::gguf
