#pragma once

#include <optional>
#include <string_view>

namespace graft::tokenizer {

/// Reads a number of a JSON text (valid by RFC 8259) as Hugging Face tokenizers does. Its JSON
/// library takes a shortcut: it reads the digits as a 64-bit integer, drops those that do not fit,
/// and multiplies or divides by a power of ten. One in seven scores of a vocabulary is then off by
/// one unit in the last place, which decides between otherwise equal segmentations. Returns nothing
/// if the number is too large.
std::optional<double> json_score(std::string_view text);

}  // namespace graft::tokenizer
