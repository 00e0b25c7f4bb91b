#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace graft::tokenizer {

/// How byte-level BPE spells bytes in its files: every byte is one printable character (GPT-2's
/// table: the space is U+0120, the newline U+010A). Returns the bytes that `spelling` stands for,
/// or nothing if it holds a character outside that table (an added token may). Valid UTF-8 only.
std::optional<std::string> bytes_of_spelling(std::string_view spelling);

/// The same into a buffer that is overwritten; false if there is a character outside the table.
bool bytes_of_spelling(std::string_view spelling, std::string& bytes);

/// The inverse: the spelling in files of the token of these bytes.
std::string spelling_of_bytes(std::string_view bytes);

}  // namespace graft::tokenizer
