#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "graft/tokenizer/byte_fallback.h"
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
    WordCache cache;
  };

  explicit Unigram(UnigramModel model);

  const UnigramModel& model() const { return model_; }

  /// Appends the tokens of a word (valid UTF-8). Safe in several threads, each with its workspace.
  void encode(std::string_view word, Workspace& workspace, std::vector<int32_t>& ids) const;

 private:
  void find_best(std::string_view word, std::vector<Workspace::Place>& places) const;
  void append_unknown(std::string_view text, std::vector<int32_t>& tokens) const;

  UnigramModel model_;
  Trie trie_;
  double unknown_score_;
  std::optional<ByteFallback> fallback_;
};

}  // namespace graft::tokenizer
