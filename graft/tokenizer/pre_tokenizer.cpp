#include "graft/tokenizer/pre_tokenizer.h"

#include <utility>

namespace graft {
namespace {

void add_prefix_spaces(PreTokenizer::Words& words) {
  std::string spaced;
  spaced.reserve(words.text.size() + words.ends.size());
  size_t begin = 0;
  for (size_t& end : words.ends) {
    std::string_view word = words.text.substr(begin, end - begin);
    if (word.front() != ' ') spaced += ' ';
    spaced += word;
    begin = std::exchange(end, spaced.size());
  }
  words.spaced = std::move(spaced);
  words.text = words.spaced;
}

}  // namespace

void PreTokenizer::split(std::string_view text, Words& words) const {
  words.text = text;
  words.ends.clear();
  if (text.empty()) return;
  words.ends.push_back(text.size());
  for (const Step& step : steps_) {
    if (step.add_prefix_space) add_prefix_spaces(words);
    if (!step.split) continue;
    std::swap(words.ends, words.earlier);
    words.ends.clear();
    size_t begin = 0;
    for (size_t end : words.earlier) {
      split_words(*step.split, words.text, begin, end, words.ends);
      begin = end;
    }
  }
}

}  // namespace graft
