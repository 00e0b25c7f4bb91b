#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graft/base/span.h"
#include "graft/tokenizer/origins.h"
#include "graft/tokenizer/splitter.h"

namespace graft::tokenizer {

/// Cuts text into the words that a model encodes one by one. Steps run one after the other; each
/// works on every word that the steps before it made.
class PreTokenizer {
 public:
  /// A space before a word that does not begin with one.
  struct PrefixSpace {};

  /// Spells spaces as `replacement` (U+2581 in all known files), with one before the first word.
  struct Metaspace {
    enum class Prepend {
      always,  ///< before every word that does not begin with one
      first,   ///< only before words of the whole text's first character
      never
    };
    std::string replacement;
    Prepend prepend = Prepend::always;
  };

  using Step = std::variant<PrefixSpace, Metaspace, Splitter>;

  /// The words of a text, and the buffers to find them. Reused from call to call.
  struct Words {
    std::string_view text;    ///< the text, or `changed`
    std::vector<Span> spans;  ///< the words in `text`, in order; none is empty
    std::string changed;
    std::vector<Span> earlier, matches;

    std::string_view word(const Span& span) const {
      return text.substr(span.begin, span.end - span.begin);
    }
  };

  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<Step> steps);

  const std::vector<Step>& steps() const { return steps_; }

  /// True if a step asks which words come from the first character of the whole text.
  bool asks_for_beginning() const { return asks_for_beginning_; }

  /// The text must be valid UTF-8 and live as long as the words. Its first `beginning` bytes come
  /// from the first character of the whole text, as it was before normalization: 0 if an added
  /// token comes before it, or if a normalizer removed that character.
  void split(std::string_view text, size_t beginning, Words& words) const;

  /// The same, and sets `origins` to those of words.text in `text`, if a step changed it; without a
  /// step that may do so they are cleared.
  void split(std::string_view text, size_t beginning, Words& words, Origins& origins) const;

 private:
  std::vector<Step> steps_;
  bool asks_for_beginning_ = false;
};

}  // namespace graft::tokenizer
