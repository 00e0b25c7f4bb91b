#include "graft/tokenizer/pre_tokenizer.h"

#include <utility>

namespace graft::tokenizer {
namespace {

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

// Rewrites every word with change(word, is_first, output). Text between words is dropped.
template <class Output, class Change>
void change_words(PreTokenizer::Words& words, Output output, Change&& change) {
  output.reserve(words.text.size() + words.spans.size());
  for (Span& span : words.spans) {
    size_t begin = output.size();
    output.begin_word(span.begin);
    change(words.word(span), span.begin == 0, output);
    span = {begin, output.size()};
  }
  words.changed = output.take();
  words.text = words.changed;
}

// A step on every word; changed text is written to what make_output() returns.
template <class MakeOutput>
struct ApplyToPieces {
  PreTokenizer::Words& words;
  bool is_start;
  MakeOutput make_output;

  void operator()(PreTokenizer::PrefixSpace) const {
    change_words(words, make_output(), [](std::string_view word, bool, auto& output) {
      if (word.front() != ' ') output.insert(" ", 0);
      output.keep(word, 0);
    });
  }

  void operator()(const PreTokenizer::Metaspace& step) const {
    using Prepend = PreTokenizer::Metaspace::Prepend;
    change_words(words, make_output(), [&](std::string_view word, bool is_first, auto& output) {
      bool prepends = step.prepend == Prepend::always ||
                      (step.prepend == Prepend::first && is_first && is_start);
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

void begin_words(std::string_view text, PreTokenizer::Words& words) {
  words.text = text;
  words.spans.clear();
  if (!text.empty()) words.spans.push_back({0, text.size()});
}

}  // namespace

void PreTokenizer::split(std::string_view text, bool is_start, Words& words) const {
  begin_words(text, words);
  if (text.empty()) return;
  const ApplyToPieces apply{words, is_start, [] { return ChangedText(); }};
  for (const Step& step : steps_) std::visit(apply, step);
}

void PreTokenizer::split(std::string_view text, bool is_start, Words& words,
                         Origins& origins) const {
  begin_words(text, words);
  origins.clear();
  if (text.empty()) return;
  Origins of_step;
  const ApplyToPieces apply{words, is_start, [&] { return TracedText(of_step); }};
  for (const Step& step : steps_) {
    std::visit(apply, step);
    if (of_step.empty()) continue;
    if (!origins.empty()) compose_origins(origins, of_step);
    std::swap(origins, of_step);
    of_step.clear();
  }
}

}  // namespace graft::tokenizer
