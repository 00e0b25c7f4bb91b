#pragma once

#include <string>
#include <string_view>

#include "graft/tokenizer/tokenizer_documents.h"

namespace graft::tokenizer {

/// Converts the text of Mistral's tekken.json to the files that `tokenizers` and `transformers`
/// load. Special tokens come first, then the vocabulary up to `default_vocab_size`; nothing is
/// added to texts. Throws Error, which begins with `name`, if the file is broken.
TokenizerDocuments tekken_tokenizer(std::string_view text, const std::string& name);

}  // namespace graft::tokenizer
