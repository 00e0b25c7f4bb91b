#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graft/data/check/record_check.h"
#include "graft/data/records/formats.h"

namespace graft::data::check {
namespace {

RecordView view_of_row(const std::string& row) {
  const ordered_json object = ordered_json::parse(row);
  return view_of(read_record(object, format_of(object, {}, "row"), {}, "row"));
}

// What each check finds in a row: "roles: message 2: ...".
std::vector<std::string> found_in(const std::string& row, const ControlTokens& control = {}) {
  std::vector<std::string> all;
  const RecordView view = view_of_row(row);
  for (const RecordCheck* check : record_checks()) {
    check->look(view, control, [&](const std::string& detail) {
      all.push_back(std::string(check->kind.name) + ": " + detail);
    });
  }
  return all;
}

using Lines = std::vector<std::string>;

std::string chat(const std::string& messages) { return R"({"messages": [)" + messages + "]}"; }

std::string message(const std::string& role, const std::string& content) {
  return R"({"role": ")" + role + R"(", "content": ")" + content + R"("})";
}

std::string chat_of(std::initializer_list<std::pair<const char*, const char*>> messages) {
  std::string all;
  for (const auto& [role, content] : messages) {
    all += (all.empty() ? "" : ", ") + message(role, content);
  }
  return chat(all);
}

TEST(RecordChecks, FindNothingInGoodRecords) {
  for (const std::string row :
       {R"({"text": "a text"})", R"({"prompt": "a", "completion": "b"})",
        R"({"prompt": "", "completion": "b"})",
        R"({"prompt": "a", "completion": "b", "label": false})",
        R"({"prompt": "a", "chosen": "b", "rejected": "c"})",
        R"({"instruction": "a", "input": "", "output": "b"})",
        R"({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]})"}) {
    EXPECT_EQ(found_in(row), Lines{}) << row;
  }
  EXPECT_EQ(found_in(chat_of({{"system", "s"}, {"user", "a"}, {"assistant", "b"}})), Lines{});
  EXPECT_EQ(
      found_in(chat_of({{"user", "a"}, {"assistant", "b"}, {"user", "c"}, {"assistant", "d"}})),
      Lines{});
  EXPECT_EQ(found_in(chat_of({{"developer", "s"}, {"user", "a"}, {"assistant", "b"}})), Lines{});
}

TEST(RecordChecks, CallsOfToolsAreInOrder) {
  const std::string call =
      R"({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]})";
  const std::string two = message("tool", "1") + ", " + message("tool", "2");
  EXPECT_EQ(found_in(chat(message("user", "a") + ", " + call + ", " + two + ", " +
                          message("assistant", "b"))),
            Lines{});
  EXPECT_EQ(found_in(chat(message("user", "a") + ", " +
                          message("assistant", "<tool_call>{}</tool_call>") + ", " +
                          message("tool", "1") + ", " + message("assistant", "b"))),
            Lines{});
  EXPECT_EQ(found_in(R"({"conversations": [{"from": "human", "value": "a"},
      {"from": "function_call", "value": "{\"name\": \"f\"}"}, {"from": "observation", "value": "1"},
      {"from": "gpt", "value": "b"}]})"),
            Lines{});
}

TEST(RecordChecks, RolesOutOfOrder) {
  EXPECT_EQ(found_in(chat_of({{"user", "a"}, {"user", "b"}, {"assistant", "c"}})),
            Lines{"roles: message 2: two of the role user in a row"});
  EXPECT_EQ(found_in(chat_of({{"user", "a"}, {"assistant", "b"}, {"assistant", "c"}})),
            Lines{"roles: message 3: two of the role assistant in a row"});
  EXPECT_EQ(found_in(chat_of({{"user", "a"}, {"system", "b"}, {"assistant", "c"}})),
            Lines{"roles: message 2: system behind user, not at the beginning"});
  EXPECT_EQ(found_in(chat_of({{"user", "a"}, {"tool", "b"}, {"assistant", "c"}})),
            Lines{"roles: message 2: a tool answers that was not called"});
  EXPECT_EQ(
      found_in(chat_of({{"user", "a"}, {"assistant", "said"}, {"tool", "b"}, {"assistant", "c"}})),
      Lines{"roles: message 3: a tool answers that was not called"});
  EXPECT_EQ(found_in(chat_of({{"assistant", "a"}, {"user", "b"}, {"assistant", "c"}})),
            Lines{"roles: message 1: an assistant answers that was not asked"});
  EXPECT_EQ(found_in(chat_of({{"narrator", "a"}, {"user", "b"}, {"assistant", "c"}})),
            Lines{"roles: message 1: the unknown role narrator"});
}

TEST(RecordChecks, RolesOfBothAnswersOfAPreference) {
  EXPECT_EQ(
      found_in(R"({"prompt": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
      "chosen": [{"role": "assistant", "content": "c"}],
      "rejected": [{"role": "assistant", "content": "d"}, {"role": "assistant", "content": "e"}]})"),
      (Lines{"roles: message 2: two of the role user in a row",
             "roles: message 4 of rejected: two of the role assistant in a row"}));
}

TEST(RecordChecks, EmptyRecords) {
  for (const std::string row :
       {R"({"text": ""})", R"({"text": " \n\t\u00a0"})", R"({"prompt": "", "completion": " "})"}) {
    EXPECT_EQ(found_in(row), Lines{"empty_record: nothing but white space"}) << row;
  }
}

TEST(RecordChecks, EmptyAnswers) {
  EXPECT_EQ(found_in(R"({"prompt": "a", "completion": " \n"})"), Lines{"empty_answer: completion"});
  EXPECT_EQ(found_in(R"({"prompt": "a", "completion": "", "label": true})"),
            Lines{"empty_answer: completion"});
  EXPECT_EQ(found_in(R"({"prompt": "a", "chosen": "", "rejected": "b"})"),
            Lines{"empty_answer: chosen"});
  EXPECT_EQ(found_in(R"({"prompt": "a", "chosen": "b", "rejected": ""})"),
            Lines{"empty_answer: rejected"});
  EXPECT_EQ(
      found_in(chat_of({{"user", "a"}, {"assistant", ""}, {"user", "c"}, {"assistant", "d"}})),
      Lines{"empty_answer: message 2"});
  EXPECT_EQ(found_in(chat_of({{"user", "a"}, {"assistant", " "}})),
            Lines{"empty_answer: message 2"});
}

TEST(RecordChecks, ChatsWithoutAnAnswer) {
  EXPECT_EQ(found_in(chat_of({{"user", "a"}})), Lines{"no_answer: no assistant says anything"});
  EXPECT_EQ(found_in(chat_of({{"user", "a"}, {"assistant", "b"}, {"user", "c"}})),
            Lines{"no_answer: it ends with the role user, unanswered"});
  EXPECT_EQ(found_in(R"({"prompt": [{"role": "user", "content": "a"}],
                        "completion": [{"role": "user", "content": "b"}]})"),
            (Lines{"no_answer: no assistant in the answer",
                   "roles: message 2: two of the role user in a row"}));
  EXPECT_EQ(found_in(chat(message("user", "a") +
                          R"(, {"role": "assistant", "content": "b", "train": false})")),
            Lines{});
  EXPECT_EQ(found_in(chat(R"({"role": "user", "content": "a", "weight": 0},
                             {"role": "assistant", "content": "b", "weight": 0})")),
            Lines{"no_answer: no message of it is to be trained (\"train\", \"weight\")"});
}

TEST(RecordChecks, EqualAnswers) {
  EXPECT_EQ(found_in(R"({"prompt": "a", "chosen": "b", "rejected": "b"})"),
            Lines{"equal_answers: chosen and rejected are the same"});
}

TEST(RecordChecks, ControlTokensOfManyModels) {
  for (const std::string token : {"<|im_end|>", "<s>", "</s>", "[INST]", "<|eot_id|>",
                                  "<|endoftext|>", "<end_of_turn>", "<\uFF5CUser\uFF5C>"}) {
    EXPECT_EQ(found_in(R"({"text": "a )" + token + R"( b"})"),
              Lines{"control_token: text: " + token});
  }
  EXPECT_EQ(found_in(chat_of({{"user", "a<s>b</s><s>"}, {"assistant", "b"}})),
            Lines{"control_token: message 1: <s> and 2 more"});
  EXPECT_EQ(found_in(R"({"text": "<strong> [insert] <|no token|> < s >"})"), Lines{});
}

TEST(RecordChecks, ControlTokensOfATokenizer) {
  const ControlTokens control(std::set<std::string>{"<turn>", "<turn>>", "#", ""});
  EXPECT_EQ(found_in(R"({"text": "a <turn>> b <|im_end|> #"})", control),
            Lines{"control_token: text: <turn>>"});
}

TEST(RecordChecks, ControlTokensInCallsOfTools) {
  EXPECT_EQ(found_in(chat(message("user", "a") +
                          R"(, {"role": "assistant", "content": "b", "reasoning": "<|im_end|>"})")),
            Lines{"control_token: message 2: <|im_end|>"});
}

TEST(RecordChecks, BrokenCharacters) {
  EXPECT_EQ(found_in(R"({"text": "a\ufffdb\ufffd"})"),
            Lines{"broken_character: text: U+FFFD 2 times"});
  EXPECT_EQ(found_in(R"({"text": "a\u0000b"})"), Lines{"broken_character: text: NUL once"});
  EXPECT_EQ(found_in(R"({"text": "a\ufeffb"})"),
            Lines{"broken_character: text: U+FEFF, a byte order mark, once"});
}

TEST(RecordChecks, DoubleEncoding) {
  EXPECT_EQ(found_in("{\"text\": \"caf\u00C3\u00A9\"}"),
            Lines{"double_encoding: text: \u00C3\u00A9"});
  EXPECT_EQ(found_in("{\"text\": \"caf\u00E9, \u00C3 and \u00A9, \u00E2\"}"), Lines{});
}

TEST(RecordChecks, SecretsAreNotRepeated) {
  const std::string key = std::string("AKIA") + "Q3EGRZ7XPYD2MNVB";
  EXPECT_EQ(found_in(R"({"prompt": "a", "completion": ")" + key + R"("})"),
            Lines{"secret: completion: an access key of AWS"});
  EXPECT_EQ(found_in(R"({"prompt": "a", "chosen": "b", "rejected": ")" + key + R"("})"),
            Lines{"secret: rejected: an access key of AWS"});
}

}  // namespace
}  // namespace graft::data::check
