#include "graft/tokenizer/splitter.h"

#include <algorithm>

#include "graft/tokenizer/literal_matches.h"

namespace graft::tokenizer {
namespace {

void find_characters(const CharacterSet& set, std::string_view text, Span stretch,
                     std::vector<Span>& matches) {
  const uint8_t* table = unicode::property_table();
  for (size_t i = stretch.begin; i < stretch.end;) {
    unicode::CodePoint c = unicode::decode(text.data() + i);
    unicode::Properties properties = c.value < unicode::kDirectLimit
                                         ? unicode::Properties{table[c.value]}
                                         : unicode::properties_of(c.value);
    if (set.has(properties)) matches.push_back({i, i + c.size});
    i += c.size;
  }
}

// Calls part(span, is_match) for the matches and the text between them, in order.
template <class Part>
void for_each_part(const std::vector<Span>& matches, Span stretch, Part&& part) {
  size_t done = stretch.begin;
  for (const Span& match : matches) {
    if (done != match.begin) part(Span{done, match.begin}, false);
    part(match, true);
    done = match.end;
  }
  if (done != stretch.end) part(Span{done, stretch.end}, false);
}

// Joins parts into the words of a behavior.
class Joiner {
 public:
  Joiner(SplitBehavior behavior, std::vector<Span>& words)
      : behavior_(behavior), words_(words), first_(words.size()) {}

  void add(Span part, bool is_match) {
    bool joins = joins_last(is_match) && words_.size() > first_;
    after_match_ = is_match;
    if (behavior_ == SplitBehavior::removed && is_match) return;
    if (joins) {
      words_.back().end = part.end;
    } else {
      words_.push_back(part);
    }
  }

 private:
  bool joins_last(bool is_match) const {
    switch (behavior_) {
      case SplitBehavior::merged_with_previous:
        return is_match && !after_match_;
      case SplitBehavior::merged_with_next:
        return !is_match && after_match_;
      case SplitBehavior::contiguous:
        return is_match == after_match_;
      default:
        return false;
    }
  }

  SplitBehavior behavior_;
  std::vector<Span>& words_;
  size_t first_;
  bool after_match_ = false;
};

}  // namespace

// Whether every match is a word and nothing else is, when the rule's matches cover the text.
bool Splitter::keeps_all() const {
  const SplitRule* rule = std::get_if<SplitRule>(&pattern_);
  if (rule == nullptr || !covers_text(*rule)) return false;
  return behavior_ == SplitBehavior::isolated || (behavior_ == SplitBehavior::removed && invert_);
}

void Splitter::find_matches(std::string_view text, Span stretch, std::vector<Span>& matches) const {
  if (const auto* rule = std::get_if<SplitRule>(&pattern_)) {
    return split_words(*rule, text, stretch, matches);
  }
  if (const auto* set = std::get_if<CharacterSet>(&pattern_)) {
    return find_characters(*set, text, stretch, matches);
  }
  std::string_view part = text.substr(stretch.begin, stretch.end - stretch.begin);
  size_t first = matches.size();
  if (const auto* regex = std::get_if<regex::Regex>(&pattern_)) {
    regex->find_all(part, matches);
  } else {
    find_literal(std::get<std::string>(pattern_), part, matches);
  }
  for (size_t i = first; i < matches.size(); ++i) {
    matches[i].begin += stretch.begin;
    matches[i].end += stretch.begin;
  }
}

void Splitter::split(std::string_view text, Span stretch, std::vector<Span>& words,
                     std::vector<Span>& matches) const {
  if (keeps_all()) return split_words(std::get<SplitRule>(pattern_), text, stretch, words);
  matches.clear();
  find_matches(text, stretch, matches);
  size_t first = words.size();
  Joiner joiner(behavior_, words);
  for_each_part(matches, stretch,
                [&](Span part, bool is_match) { joiner.add(part, is_match != invert_); });
  // An empty match is a part too: it may come between others, but is no word.
  words.erase(std::remove_if(words.begin() + static_cast<std::ptrdiff_t>(first), words.end(),
                             [](const Span& word) { return word.begin == word.end; }),
              words.end());
}

}  // namespace graft::tokenizer
