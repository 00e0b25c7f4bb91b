#pragma once

#include <cstdint>
#include <string>

#include "graft/tokenizer/decoder.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::tokenizer {

/// Turns tokens into text as they come. What push() and finish() return is, put together, what
/// Tokenizer::decode gives for all ids; each part is valid UTF-8, never half a character. Time per
/// token does not grow.
class StreamDecoder {
 public:
  explicit StreamDecoder(Tokenizer tokenizer, DecodeOptions options = {})
      : tokenizer_(std::move(tokenizer)), options_(options), state_(tokenizer_.decoder()) {}

  /// The text that is complete with this token; perhaps none.
  std::string push(int32_t id);

  /// The rest, such as U+FFFD if the text ended within a character. The decoder may then take
  /// another text.
  std::string finish();

 private:
  Tokenizer tokenizer_;
  DecodeOptions options_;
  DecodeState state_;
  std::string pending_;  // at most 3 bytes: the beginning of a character
};

}  // namespace graft::tokenizer
