#pragma once

#include <cstdint>
#include <string>

#include "graft/tokenizer/decoder.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::tokenizer {

/// Turns tokens into text as they come. The results of push() and finish(), concatenated, are what
/// Tokenizer::decode returns for all ids; each is valid UTF-8, never half a character. The time per
/// token does not grow.
class StreamDecoder {
 public:
  explicit StreamDecoder(Tokenizer tokenizer, DecodeOptions options = {})
      : tokenizer_(std::move(tokenizer)), options_(options), state_(tokenizer_.decoder()) {}

  /// The text that is complete with this token; perhaps none.
  std::string push(int32_t id);

  /// The rest, such as U+FFFD if the text ended within a character. The decoder can then be used
  /// for another text.
  std::string finish();

 private:
  Tokenizer tokenizer_;
  DecodeOptions options_;
  DecodeState state_;
  std::string pending_;  // at most 3 bytes: the beginning of a character
};

}  // namespace graft::tokenizer
