#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/tokenizer/split.h"

namespace graft {

/// Cuts text into the words that BPE merges within.
class PreTokenizer {
 public:
  /// One step; it works on each word that the steps before it made.
  struct Step {
    bool add_prefix_space = false;     ///< a space before a word that does not begin with one
    std::optional<SplitRule> split{};  ///< then this cut
  };

  /// The words of a text, and what it takes to find them. Re-used from call to call.
  struct Words {
    std::string_view text;     ///< the text, or `spaced`
    std::vector<size_t> ends;  ///< where each word ends in `text`; no word is empty
    std::string spaced;
    std::vector<size_t> earlier;
  };

  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<Step> steps) : steps_(std::move(steps)) {}

  /// The text must be valid UTF-8 and live as long as the words.
  void split(std::string_view text, Words& words) const;

 private:
  std::vector<Step> steps_;
};

}  // namespace graft
