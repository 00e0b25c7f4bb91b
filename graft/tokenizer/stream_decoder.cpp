#include "graft/tokenizer/stream_decoder.h"

#include <utility>

#include "graft/unicode/unicode.h"

namespace graft::tokenizer {

std::string StreamDecoder::push(int32_t id) {
  if (!tokenizer_.has(id)) return {};
  if (options_.skip_special_tokens && tokenizer_.is_special(id)) return {};
  std::string bytes = std::exchange(pending_, {});
  state_.push(tokenizer_.piece(id), bytes);
  // Hold back a character that is valid so far: at most 3 bytes at the end.
  size_t keep = 0;
  for (size_t at = bytes.size(); at > 0 && bytes.size() - at < 3;) {
    --at;
    if ((static_cast<unsigned char>(bytes[at]) & 0xC0) == 0x80) continue;
    std::string_view tail = std::string_view(bytes).substr(at);
    if (unicode::valid_prefix(tail) == 0 && unicode::broken_sequence(tail).incomplete) {
      keep = tail.size();
    }
    break;
  }
  pending_ = bytes.substr(bytes.size() - keep);
  bytes.resize(bytes.size() - keep);
  return unicode::replace_invalid(bytes);
}

std::string StreamDecoder::finish() {
  std::string bytes = std::exchange(pending_, {});
  state_.finish(bytes);
  return unicode::replace_invalid(bytes);
}

}  // namespace graft::tokenizer
