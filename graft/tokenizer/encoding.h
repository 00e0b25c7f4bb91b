#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "graft/base/span.h"

namespace graft::tokenizer {

/// The tokens of a text, and where each comes from: the `offsets` of Hugging Face tokenizers, in
/// bytes of the UTF-8 text instead of characters.
///
/// A span covers whole characters, so the tokens of one character's bytes have all the same span. A
/// token that a normalizer or a prefixed space made has the span of a character next to it; tokens
/// around the text (beginning of text) have {0, 0}. With `trim_offsets` of a ByteLevel
/// post-processor the spaces at a token's ends are left out, which may leave nothing.
struct Encoding {
  std::vector<int32_t> ids;
  std::vector<Span> spans;  ///< of each token

  /// The first token whose span has this byte of the text, as transformers' char_to_token; none if
  /// there is no such token. Time is linear in the tokens.
  std::optional<size_t> token_at(size_t byte) const {
    for (size_t i = 0; i < spans.size(); ++i) {
      if (spans[i].begin <= byte && byte < spans[i].end) return i;
    }
    return {};
  }
};

}  // namespace graft::tokenizer
