#include "graft/tokenizer/pre_tokenizer.h"

#include <utility>

namespace graft::tokenizer {
namespace {

// Rewrites every word with change(word, is_first, output). Text between words is dropped.
template <class Change>
void change_words(PreTokenizer::Words& words, Change&& change) {
  std::string changed;
  changed.reserve(words.text.size() + words.spans.size());
  for (Span& span : words.spans) {
    size_t begin = changed.size();
    change(words.word(span), span.begin == 0, changed);
    span = {begin, changed.size()};
  }
  words.changed = std::move(changed);
  words.text = words.changed;
}

struct ApplyToPieces {
  PreTokenizer::Words& words;
  bool is_start;

  void operator()(PreTokenizer::PrefixSpace) const {
    change_words(words, [](std::string_view word, bool, std::string& output) {
      if (word.front() != ' ') output += ' ';
      output += word;
    });
  }

  void operator()(const PreTokenizer::Metaspace& step) const {
    using Prepend = PreTokenizer::Metaspace::Prepend;
    change_words(words, [&](std::string_view word, bool is_first, std::string& output) {
      bool prepends = step.prepend == Prepend::always ||
                      (step.prepend == Prepend::first && is_first && is_start);
      if (prepends && word.front() != ' ' && !word.starts_with(step.replacement)) {
        output += step.replacement;
      }
      for (char c : word) {
        if (c == ' ') {
          output += step.replacement;
        } else {
          output += c;
        }
      }
    });
  }

  void operator()(const Splitter& splitter) const {
    std::swap(words.spans, words.earlier);
    words.spans.clear();
    for (const Span& stretch : words.earlier) {
      splitter.split(words.text, stretch, words.spans, words.matches);
    }
  }
};

}  // namespace

void PreTokenizer::split(std::string_view text, bool is_start, Words& words) const {
  words.text = text;
  words.spans.clear();
  if (text.empty()) return;
  words.spans.push_back({0, text.size()});
  for (const Step& step : steps_) std::visit(ApplyToPieces{words, is_start}, step);
}

}  // namespace graft::tokenizer
