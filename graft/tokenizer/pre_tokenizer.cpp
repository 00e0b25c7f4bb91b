#include "graft/tokenizer/pre_tokenizer.h"

#include <utility>

namespace graft::tokenizer {
namespace {

using Metaspace = PreTokenizer::Metaspace;

// Changed text without its origins.
class ChangedText {
 public:
  // Text that belongs to a word's byte.
  void insert(std::string_view text, size_t) { text_ += text; }
  // A part of the word, from its byte `at` on.
  void keep(std::string_view part, size_t) { text_ += part; }
  void keep(char c, size_t) { text_ += c; }
  void begin_word(size_t) {}

  void reserve(size_t size) { text_.reserve(size); }
  size_t size() const { return text_.size(); }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

// The same with its origins in the text before.
class TracedText {
 public:
  explicit TracedText(Origins& origins) : origins_(origins) { origins_.clear(); }

  void insert(std::string_view text, size_t at) {
    text_.insert(text, at);
    origins_.resize(text_.size(), word_ + at);
  }
  void keep(std::string_view part, size_t at) {
    text_.keep(part, at);
    while (origins_.size() < text_.size()) origins_.push_back(word_ + at++);
  }
  void keep(char c, size_t at) {
    text_.keep(c, at);
    origins_.push_back(word_ + at);
  }
  // Where the word that comes begins in the text before.
  void begin_word(size_t begin) { word_ = begin; }

  void reserve(size_t size) {
    text_.reserve(size);
    origins_.reserve(size);
  }
  size_t size() const { return text_.size(); }
  std::string take() { return text_.take(); }

 private:
  ChangedText text_;
  Origins& origins_;
  size_t word_ = 0;
};

// Rewrites every word with change(word, is_first, output). Text between words is dropped. What
// comes of the first `beginning` bytes is the beginning then: change(part, is_first, output) of a
// part of a word makes the beginning of what it makes of the word.
template <class Output, class Change>
void change_words(PreTokenizer::Words& words, size_t& beginning, Output output, Change&& change) {
  output.reserve(words.text.size() + words.spans.size());
  size_t changed_beginning = 0;
  for (Span& span : words.spans) {
    const size_t begin = output.size();
    const std::string_view word = words.word(span);
    const bool is_first = span.begin < beginning;
    if (is_first) {
      ChangedText part;
      change(word.substr(0, beginning - span.begin), is_first, part);
      changed_beginning = begin + part.size();
    }
    output.begin_word(span.begin);
    change(word, is_first, output);
    span = {begin, output.size()};
  }
  words.changed = output.take();
  words.text = words.changed;
  beginning = changed_beginning;
}

// A step on every word; changed text is written to what make_output() returns.
template <class MakeOutput>
struct ApplyToPieces {
  PreTokenizer::Words& words;
  size_t& beginning;
  MakeOutput make_output;

  void operator()(PreTokenizer::PrefixSpace) const {
    change_words(words, beginning, make_output(), [](std::string_view word, bool, auto& output) {
      if (word.front() != ' ') output.insert(" ", 0);
      output.keep(word, 0);
    });
  }

  void operator()(const Metaspace& step) const {
    using Prepend = Metaspace::Prepend;
    change_words(
        words, beginning, make_output(), [&](std::string_view word, bool is_first, auto& output) {
          bool prepends =
              step.prepend == Prepend::always || (step.prepend == Prepend::first && is_first);
          if (prepends && word.front() != ' ' && !word.starts_with(step.replacement)) {
            output.insert(step.replacement, 0);
          }
          for (size_t i = 0; i < word.size(); ++i) {
            if (word[i] == ' ') {
              output.insert(step.replacement, i);
            } else {
              output.keep(word[i], i);
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

// Clang deduces none for aggregates before its version 17.
template <class MakeOutput>
ApplyToPieces(PreTokenizer::Words&, size_t&, MakeOutput) -> ApplyToPieces<MakeOutput>;

void begin_words(std::string_view text, PreTokenizer::Words& words) {
  words.text = text;
  words.spans.clear();
  if (!text.empty()) words.spans.push_back({0, text.size()});
}

}  // namespace

PreTokenizer::PreTokenizer(std::vector<Step> steps) : steps_(std::move(steps)) {
  for (const Step& step : steps_) {
    const auto* metaspace = std::get_if<Metaspace>(&step);
    if (metaspace != nullptr && metaspace->prepend == Metaspace::Prepend::first) {
      asks_for_beginning_ = true;
    }
  }
}

void PreTokenizer::split(std::string_view text, size_t beginning, Words& words) const {
  begin_words(text, words);
  if (text.empty()) return;
  const ApplyToPieces apply{words, beginning, [] { return ChangedText(); }};
  for (const Step& step : steps_) std::visit(apply, step);
}

void PreTokenizer::split(std::string_view text, size_t beginning, Words& words,
                         Origins& origins) const {
  begin_words(text, words);
  origins.clear();
  if (text.empty()) return;
  Origins of_step;
  const ApplyToPieces apply{words, beginning, [&] { return TracedText(of_step); }};
  for (const Step& step : steps_) {
    std::visit(apply, step);
    if (of_step.empty()) continue;
    if (!origins.empty()) compose_origins(origins, of_step);
    std::swap(origins, of_step);
    of_step.clear();
  }
}

}  // namespace graft::tokenizer
