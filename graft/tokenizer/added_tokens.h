#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace graft::tokenizer {

/// A token that is found in the text before it is cut into words, such as <|im_end|>. The fields
/// are those of `added_tokens` in tokenizer.json.
struct AddedToken {
  int32_t id = -1;
  std::string content;
  bool single_word = false;  ///< only where no word character stands on either side
  bool lstrip = false;       ///< takes the white space before it
  bool rstrip = false;       ///< takes the white space after it
  bool normalized = false;   ///< looked for in the normalized text
  bool special = false;      ///< left out of decoded text on demand
};

/// Finds added tokens in text: at each position, the longest that begins there.
class AddedTokenMatcher {
 public:
  AddedTokenMatcher() = default;
  /// `patterns[i]` is what tokens[i] looks like in the text that is searched.
  AddedTokenMatcher(std::vector<AddedToken> tokens, const std::vector<std::string>& patterns);

  bool empty() const { return patterns_.empty(); }

  /// Text that is no added token (id -1), or an added token.
  struct Piece {
    size_t begin, end;
    int32_t id;
  };

  /// The pieces of a text (valid UTF-8) in order; none for the empty text.
  void split(std::string_view text, std::vector<Piece>& pieces) const;

 private:
  struct Pattern {
    std::string text;
    size_t token;
  };
  struct Match {
    size_t size;
    const AddedToken* token;
  };

  // The longest pattern at text[at], of size 0 if there is none.
  Match longest(std::string_view text, size_t at) const;

  std::vector<AddedToken> tokens_;
  std::vector<Pattern> patterns_;           // sorted by text
  std::array<uint32_t, 257> first_byte_{};  // patterns that begin with b: [b], [b + 1]
};

}  // namespace graft::tokenizer
