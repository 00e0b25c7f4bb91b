#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/tokenizer/origins.h"

namespace graft::tokenizer {

/// SentencePiece's map of characters, applied exactly as Hugging Face tokenizers' normalizer
/// Precompiled does it, to grapheme clusters (UAX #29, Unicode 17.0). A cluster of less than 6
/// bytes is replaced as a whole by the replacement of its shortest mapped prefix, even if that
/// prefix is only its first character. Longer clusters, and those with no mapped prefix, are
/// replaced character by character. Unmapped text stays.
class Charsmap {
 public:
  /// `charsmap` is `precompiled_charsmap` of a SentencePiece model, which tokenizer.json has in
  /// base64: the size of a trie in bytes as a little-endian uint32, the trie (a double array of
  /// Darts-clone), and the replacements, each ended by a zero byte. Throws Error, which begins with
  /// `where`, if it is broken.
  Charsmap(std::string_view charsmap, const std::string& where);

  /// Appends the normalized text. `text` must be valid UTF-8; the result then is too. Time is
  /// linear in the input and the output. Safe in several threads.
  void apply(std::string_view text, std::string& out) const { apply(text, out, nullptr); }

  /// The same, and appends the origins of the normalized text, if `origins` is not null.
  void apply(std::string_view text, std::string& out, Origins* origins) const;

 private:
  void read_trie(std::string_view bytes);
  void check(const std::string& where) const;
  std::optional<size_t> find(std::string_view part) const;
  std::optional<std::string_view> replacement(std::string_view part) const;
  size_t plain_size(std::string_view text) const;

  std::vector<uint32_t> trie_;
  std::string replacements_;
  std::array<bool, 256> plain_{};  // ASCII characters that stay and end the cluster before them
};

}  // namespace graft::tokenizer
