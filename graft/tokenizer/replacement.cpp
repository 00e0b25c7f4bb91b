#include "graft/tokenizer/replacement.h"

#include <vector>

#include "graft/base/error.h"
#include "graft/tokenizer/literal_matches.h"

namespace graft::tokenizer {

std::string Replacement::apply(std::string_view text, size_t most, Origins* origins) const {
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
  auto keep_until = [&](size_t end) {
    result += text.substr(done, end - done);
    for (; origins != nullptr && done < end; ++done) origins->push_back(done);
  };
  if (origins != nullptr) origins->clear();
  for (const Span& match : matches) {
    keep_until(match.begin);
    result += content_;
    if (origins != nullptr && !content_.empty()) {
      origins->insert(origins->end(), content_.size(), match.end == 0 ? kNoOrigin : match.end - 1);
    }
    done = match.end;
  }
  keep_until(text.size());
  return result;
}

}  // namespace graft::tokenizer
