#pragma once

#include <string>
#include <string_view>

#include "graft/tokenizer/origins.h"

namespace graft::tokenizer {

/// The Unicode normalization forms (UAX #15).
enum class NormalForm { nfc, nfd, nfkc, nfkd };

/// Text in a normal form, as Hugging Face tokenizers make it: characters newer than their tables
/// (unicode::kNotNormalized) stay as they are. Time is n log n at worst. The text must be valid
/// UTF-8.
std::string normalize(NormalForm form, std::string_view text);

/// The same with the origins of the result, which are cleared if the text stays as it is.
std::string normalize(NormalForm form, std::string_view text, Origins& origins);

}  // namespace graft::tokenizer
