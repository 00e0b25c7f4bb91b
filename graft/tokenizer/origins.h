#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace graft::tokenizer {

/// Where a changed text comes from: for each of its bytes a byte of the text before the change, in
/// the character that Hugging Face tokenizers align it with. Never decreasing.
using Origins = std::vector<size_t>;

/// The origin of a byte that a change puts at the beginning and that belongs to no character.
inline constexpr size_t kNoOrigin = std::numeric_limits<size_t>::max();

/// The origins of a text that was changed twice: `origins` of the second change are replaced.
void compose_origins(const Origins& first, Origins& origins);

/// A character of a changed text, as the transformations of tokenizers' NormalizedString describe
/// it: it belongs to the first of the characters that it takes from the text before, in order; one
/// that takes none, to the one before it.
struct CharacterChange {
  uint32_t size;   ///< bytes
  uint32_t taken;  ///< characters
};

/// Appends the origins of the changed text, kNoOrigin for first characters that take none. `text`
/// is valid UTF-8. Throws Error if more characters are taken than there are.
void append_origins(const std::vector<CharacterChange>& changes, std::string_view text,
                    Origins& origins);

}  // namespace graft::tokenizer
