#pragma once

#include <optional>
#include <string>

#include "graft/base/front_end.h"
#include "graft/tokenizer/gguf_pre_tokenizer.h"
#include "graft/tokenizer/resolved_tokenizer.h"
#include "graft/tokenizer/sentencepiece_tokenizer.h"

// What llama.cpp does to a text before it is cut into tokens, as far as it is what a tokenizer
// does. Each throws Error, which begins with `name`, for what it does not do, and notes what it
// does nearly.
namespace graft::gguf {

/// llama.cpp's name for what a byte-level tokenizer does. `model_type` is the config's: some have a
/// name of their own.
const tokenizer::GgufPreTokenizer& pre_tokenizer_of(const tokenizer::ResolvedTokenizer& tokenizer,
                                                    const std::string& model_type,
                                                    const std::string& name, FrontEnd& front_end);

/// Where a text gets a space before it, if it does, for a tokenizer that spells spaces as U+2581.
std::optional<tokenizer::SentencePieceHints::SpacePrefix> space_prefix_of(
    const tokenizer::ResolvedTokenizer& tokenizer, const std::string& name, FrontEnd& front_end);

}  // namespace graft::gguf
