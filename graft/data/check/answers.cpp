#include <algorithm>
#include <cstddef>

#include "graft/data/check/record_check.h"

// What is to be learned: whether it is there.
namespace graft::data::check {
namespace {

bool is_empty(const std::vector<Part>& answer) {
  return std::all_of(answer.begin(), answer.end(),
                     [](const Part& part) { return part.is_blank(); });
}

bool has_something(const RecordView& view) {
  return std::any_of(view.prompt.begin(), view.prompt.end(),
                     [](const Part& part) { return !part.is_blank(); });
}

void look_for_empty_answer(const RecordView& view, const ControlTokens&, const Found& found) {
  if (view.is_text) return;
  for (const Part& part : view.prompt) {
    if (part.role == "assistant" && part.is_blank()) found(part.place);
  }
  for (const auto& answer : view.answers) {
    if (!is_empty(answer)) continue;
    if (view.answers.size() > 1 || has_something(view)) found(answer.front().place);
  }
}

void look_for_no_answer(const RecordView& view, const ControlTokens&, const Found& found) {
  if (!view.is_chat()) return;
  for (const auto& answer : view.answers) {
    const auto is_assistant = [](const Part& part) { return part.role == "assistant"; };
    if (std::none_of(answer.begin(), answer.end(), is_assistant)) {
      found("no assistant in the answer");
    } else if (answer.back().role != "assistant" && answer.back().role != "tool") {
      found("it ends with the role " + answer.back().role + ", unanswered");
    }
  }
  if (view.answers.empty()) return found("no assistant says anything");
  const auto no_part = [](bool trained) { return !trained; };
  if (!view.trained.empty() && std::all_of(view.trained.begin(), view.trained.end(), no_part)) {
    found("no message of it is to be trained (\"train\", \"weight\")");
  }
}

bool same_texts(const std::vector<Part>& a, const std::vector<Part>& b) {
  const auto same = [](const Part& x, const Part& y) {
    return x.role == y.role && x.text == y.text && x.more == y.more;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
}

void look_for_equal_answers(const RecordView& view, const ControlTokens&, const Found& found) {
  if (view.answers.size() == 2 && same_texts(view.answers[0], view.answers[1])) {
    found("chosen and rejected are the same");
  }
}

}  // namespace

const RecordCheck kEmptyAnswer = {
    {"empty_answer", "empty answers", "a model learns from them to say nothing"},
    look_for_empty_answer};
const RecordCheck kNoAnswer = {
    {"no_answer", "chats without an answer", "what nobody answers trains nothing"},
    look_for_no_answer};
const RecordCheck kEqualAnswers = {
    {"equal_answers", "preferences between equal answers", "there is nothing to prefer"},
    look_for_equal_answers};

}  // namespace graft::data::check
