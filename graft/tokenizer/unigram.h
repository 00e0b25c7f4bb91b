#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "graft/base/span.h"
#include "graft/tokenizer/byte_fallback.h"
#include "graft/tokenizer/token_sizes.h"
#include "graft/tokenizer/trie.h"
#include "graft/tokenizer/vocabulary.h"
#include "graft/tokenizer/word_cache.h"

namespace graft::tokenizer {

/// What a Unigram model is made of.
struct UnigramModel {
  Vocabulary vocabulary{Spelling::literal};
  std::vector<double> scores;  ///< log probabilities, by id
  int32_t unknown_id = 0;
  /// Text without a token becomes the tokens <0xXX> of its bytes, if all of them exist.
  bool byte_fallback = false;
};

/// The segmentation with the highest sum of scores (Kudo 2018, "Subword regularization"), exactly
/// as Hugging Face tokenizers' Unigram finds it: among equals the one found first; a character
/// without a token has the least score minus 10; a run of such characters is one token. Time is
/// linear in the text, times the longest token.
class Unigram {
 public:
  /// What one thread needs while it encodes: buffers, and recently seen words.
  struct Workspace {
    /// The best segmentation up to a place.
    struct Place {
      double score;
      size_t start;  // of its last token
      int32_t id;    // of that, -1: no segmentation ends here
    };
    std::vector<Place> places;
    std::vector<int32_t> tokens;  // last first
    std::vector<Span> parts;      // of the word, for each of them
    WordCache cache;
  };

  explicit Unigram(UnigramModel model);

  const UnigramModel& model() const { return model_; }
  const TokenSizes& sizes() const { return sizes_; }

  /// Appends the tokens of a word (valid UTF-8). Safe in several threads, each with its workspace.
  void encode(std::string_view word, Workspace& workspace, std::vector<int32_t>& ids) const;

  /// The same, and appends the part of the word, which begins at `begin`, that each token stands
  /// for; the tokens of the bytes of unknown text stand for all of it.
  void encode(std::string_view word, size_t begin, Workspace& workspace, std::vector<int32_t>& ids,
              std::vector<Span>& parts) const;

 private:
  void find_best(std::string_view word, std::vector<Workspace::Place>& places) const;
  template <class Token>
  void for_each_from_end(std::string_view word, Workspace& workspace, Token&& token) const;
  void append_unknown(std::string_view text, std::vector<int32_t>& tokens) const;

  UnigramModel model_;
  Trie trie_;
  double unknown_score_;
  std::optional<ByteFallback> fallback_;
  TokenSizes sizes_;
};

}  // namespace graft::tokenizer
