#pragma once

#include <optional>
#include <string_view>

namespace graft::tokenizer {

/// A number of a JSON text (valid by RFC 8259) as Hugging Face tokenizers reads it, whose JSON
/// library takes a shortcut: the digits as an integer of 64 bits, those that do not fit dropped,
/// times or divided by a power of ten. One in seven scores of a vocabulary is one unit in the last
/// place off, which decides between segmentations that are equal otherwise. Nothing if it is too
/// large.
std::optional<double> json_score(std::string_view text);

}  // namespace graft::tokenizer
