#include "graft/tokenizer/replacement.h"

#include <vector>

#include "graft/tokenizer/literal_matches.h"

namespace graft::tokenizer {

std::string Replacement::apply(std::string_view text) const {
  std::vector<Span> matches;
  if (const auto* regex = std::get_if<regex::Regex>(&pattern_)) {
    regex->find_all(text, matches);
  } else {
    find_literal(std::get<std::string>(pattern_), text, matches);
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
