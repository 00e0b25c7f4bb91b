#include "graft/evaluation/choice_scorer.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "graft/evaluation/text.h"

namespace graft::evaluation {
namespace {

constexpr size_t kMostChoices = 26;

struct Choice {
  char letter;
  std::string label;  // what the record calls it, if it does
  std::string text;   // may be empty
};

std::vector<Choice> lettered(const std::vector<std::string>& texts) {
  std::vector<Choice> choices;
  for (size_t i = 0; i < std::min(texts.size(), kMostChoices); ++i) {
    choices.push_back({static_cast<char>('A' + i), {}, texts[i]});
  }
  return choices;
}

std::vector<std::string> texts_of(const ordered_json& array) {
  std::vector<std::string> texts;
  for (const ordered_json& text : array) {
    texts.push_back(text.is_string() ? text.get<std::string>() : text.dump());
  }
  return texts;
}

std::vector<Choice> choices_of(const ordered_json& record,
                               const std::vector<std::string>& otherwise) {
  for (const char* key : {"choices", "options"}) {
    const auto found = record.is_object() ? record.find(key) : record.end();
    if (found == record.end()) continue;
    if (found->is_array() && !found->empty()) return lettered(texts_of(*found));
    if (!found->is_object()) continue;
    const auto texts = found->find("text"), labels = found->find("label");
    if (texts == found->end() || !texts->is_array()) continue;
    std::vector<Choice> choices = lettered(texts_of(*texts));
    if (labels != found->end() && labels->is_array() && labels->size() == texts->size()) {
      const std::vector<std::string> names = texts_of(*labels);
      for (size_t i = 0; i < choices.size(); ++i) choices[i].label = names[i];
    }
    return choices;
  }
  return lettered(otherwise.empty() ? std::vector<std::string>(kMostChoices) : otherwise);
}

// The choice whose letter or label stands at the beginning of a text, by itself: in parentheses, or
// with nothing behind it that makes it a word or the article "A".
std::optional<size_t> leading_choice(std::string_view text, const std::vector<Choice>& choices) {
  constexpr std::string_view kBefore = " \t\r\n*:(\"'[";
  constexpr std::string_view kBehind = ".):,;]*\"'\r\n";
  const size_t begin = text.find_first_not_of(kBefore);
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  for (size_t i = 0; i < choices.size(); ++i) {
    const std::string letter(1, choices[i].letter);
    for (const std::string& name : {choices[i].label, letter}) {
      if (name.empty() || !text.starts_with(name)) continue;
      const std::string_view rest = text.substr(name.size());
      if (trimmed(rest).empty() || kBehind.find(rest[0]) != std::string_view::npos) return i;
    }
  }
  return {};
}

std::optional<size_t> named_choice(std::string_view answer, const std::vector<Choice>& choices) {
  const std::string lower = ascii_lower(answer);
  if (const size_t at = lower.rfind("answer"); at != std::string::npos) {
    std::string_view rest = answer.substr(at + 6);
    if (rest.starts_with(" is")) rest.remove_prefix(3);
    if (const auto choice = leading_choice(rest, choices)) return choice;
  }
  if (const auto choice = leading_choice(answer, choices)) return choice;
  const std::vector<std::string> words = normalized_words(answer);
  for (size_t i = 0; i < choices.size(); ++i) {
    if (!words.empty() && words == normalized_words(choices[i].text)) return i;
  }
  return {};
}

std::optional<size_t> reference_choice(std::string_view reference,
                                       const std::vector<Choice>& choices) {
  if (const auto choice = named_choice(reference, choices)) return choice;
  const std::string_view text = trimmed(reference);
  size_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc() || end != text.data() + text.size() || index >= choices.size()) {
    return {};
  }
  return index;
}

class ChoiceScorer final : public EachScorer {
 public:
  explicit ChoiceScorer(const ScorerOptions& options) : otherwise_(options.choices) {}
  std::vector<std::string> measures() const override { return {"choice", "named"}; }

 private:
  Scores score_one(const Answered& a) override {
    const std::vector<Choice> choices = choices_of(a.record, otherwise_);
    const auto expected = reference_choice(a.reference, choices);
    if (!expected) return {{}, "the reference is none of the choices", {}};
    const auto found = named_choice(a.answer, choices);
    if (!found) return {{0, 0}, {}, "it names no choice"};
    return {{found == expected ? 1.0 : 0.0, 1}, {}, {}};
  }

  std::vector<std::string> otherwise_;
};

}  // namespace

std::unique_ptr<Scorer> make_choice_scorer(const ScorerOptions& options) {
  return std::make_unique<ChoiceScorer>(options);
}

}  // namespace graft::evaluation
