#include "graft/tokenizer/origins.h"

#include "graft/base/error.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {

void compose_origins(const Origins& first, Origins& origins) {
  for (size_t& origin : origins) {
    if (origin != kNoOrigin) origin = first[origin];
  }
}

void append_origins(const std::vector<CharacterChange>& changes, std::string_view text,
                    Origins& origins) {
  size_t at = 0;  // the next character that is taken
  for (const CharacterChange& change : changes) {
    if (change.taken > 0 && at == text.size()) {
      fail("the tokenizer's normalizer makes characters whose place in the text is not known");
    }
    const size_t before = at == 0 ? kNoOrigin : at - 1;
    origins.insert(origins.end(), change.size, change.taken == 0 ? before : at);
    for (uint32_t i = 0; i < change.taken && at < text.size(); ++i) {
      at += unicode::sequence_size(text[at]);
    }
  }
}

}  // namespace graft::tokenizer
