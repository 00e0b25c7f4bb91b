#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "graft/tokenizer/vocabulary.h"

namespace graft::tokenizer {

/// The tokens <0xXX> of a SentencePiece-like vocabulary, each of which stands for a byte.
class ByteFallback {
 public:
  explicit ByteFallback(const Vocabulary& vocabulary);

  /// Appends the tokens of the bytes, in order. Returns false, and appends nothing, if one of them
  /// has no token.
  bool append(std::string_view bytes, std::vector<int32_t>& tokens) const;

 private:
  std::array<int32_t, 256> ids_;  // -1: no token
};

}  // namespace graft::tokenizer
