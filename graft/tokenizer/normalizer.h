#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graft/tokenizer/charsmap.h"
#include "graft/tokenizer/normal_form.h"
#include "graft/tokenizer/origins.h"
#include "graft/tokenizer/replacement.h"

namespace graft::tokenizer {

/// Changes text before it is cut into words: steps, one after the other.
class Normalizer {
 public:
  /// Puts `text` before every text that is not empty.
  struct Prepend {
    std::string text;
  };
  /// Removes white space at the ends.
  struct Strip {
    bool left, right;
  };
  /// Lower case, character by character.
  struct Lowercase {};
  using Step = std::variant<NormalForm, Prepend, Replacement, Strip, Lowercase, Charsmap>;

  Normalizer() = default;
  explicit Normalizer(std::vector<Step> steps);

  const std::vector<Step>& steps() const { return steps_; }

  /// True if the text is certain to stay as it is, found out without normalizing it.
  bool leaves(std::string_view text) const;
  /// The text must be valid UTF-8.
  std::string apply(std::string_view text) const { return apply(text, nullptr); }
  /// The same with the origins of the result, if `origins` is not null: kNoOrigin where a step puts
  /// characters at the beginning that belong to none.
  std::string apply(std::string_view text, Origins* origins) const;

 private:
  std::vector<Step> steps_;
  unsigned char unchanged_below_ = 0xFF;  // a text with only smaller bytes stays as it is
};

}  // namespace graft::tokenizer
