#include "graft/tokenizer/replacement.h"

#include <vector>

#include "graft/base/error.h"
#include "graft/tokenizer/literal_matches.h"

namespace graft::tokenizer {

std::string Replacement::apply(std::string_view text, size_t most) const {
  std::vector<Span> matches;
  if (const auto* regex = std::get_if<regex::Regex>(&pattern_)) {
    regex->find_all(text, matches);
  } else {
    find_literal(std::get<std::string>(pattern_), text, matches);
  }
  if (content_.size() > 0 && matches.size() > most / content_.size()) {
    fail("a Replace of the tokenizer makes more than {} bytes of a text of {}", most, text.size());
  }
  std::string result;
  result.reserve(text.size());
  size_t done = 0;
  for (const Span& match : matches) {
    result += text.substr(done, match.begin - done);
    result += content_;
    done = match.end;
  }
  result += text.substr(done);
  return result;
}

}  // namespace graft::tokenizer
