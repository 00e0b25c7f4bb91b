#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "graft/base/span.h"
#include "graft/tokenizer/vocabulary.h"

namespace graft::tokenizer {

/// The bytes of text that each token of a model stands for, where they are sure to be the token's
/// own: not so for the unknown token, for those of bytes (<0xXX>), and for tokens that such ones
/// may have been merged into. And which tokens have spaces at their ends.
class TokenSizes {
 public:
  TokenSizes(const Vocabulary& vocabulary, std::optional<int32_t> unknown_id);

  /// Appends the parts of a word, which begins at `begin`, that its tokens stand for. Returns
  /// false, and appends nothing, if that does not follow from the sizes.
  bool append_parts(size_t word_size, std::span<const int32_t> ids, size_t begin,
                    std::vector<Span>& parts) const {
    size_t at = begin;
    const size_t before = parts.size();
    for (int32_t id : ids) {
      const size_t size = sizes_[static_cast<size_t>(id)];
      if (size == 0) break;
      parts.push_back({at, at + size});
      at += size;
    }
    if (parts.size() == before + ids.size() && at == begin + word_size) return true;
    parts.resize(before);
    return false;
  }

  /// Whether a token begins or ends with a space.
  bool has_outer_space(int32_t id) const { return has_outer_space_[static_cast<size_t>(id)] != 0; }

 private:
  std::vector<uint8_t> sizes_;  // by id; 0: not sure, or more than 255
  std::vector<uint8_t> has_outer_space_;
};

}  // namespace graft::tokenizer
