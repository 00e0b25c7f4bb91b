#include "graft/data/records/formats.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace graft::data {
namespace {

using testing::expect_error;

ordered_json row(const char* text) { return ordered_json::parse(text); }

RecordContent read(const ordered_json& one, const RowKeys& keys = {}) {
  return read_record(one, format_of(one, keys, "a:1"), keys, "a:1");
}

std::string format_name(const char* text, const RowKeys& keys = {}) {
  return format_of(row(text), keys, "a:1").name;
}

ordered_json messages_of(const char* text) {
  return std::get<ChatRecord>(read(row(text))).variables["messages"];
}

TEST(RecordFormats, AreKnownByTheirKeys) {
  EXPECT_EQ(format_name(R"({"text": "a"})"), "text");
  EXPECT_EQ(format_name(R"({"prompt": "a", "completion": "b"})"), "pair");
  EXPECT_EQ(format_name(R"({"text": "ab", "prompt": "a", "completion": "b"})"), "pair");
  EXPECT_EQ(format_name(R"({"messages": []})"), "chat");
  EXPECT_EQ(format_name(R"({"conversations": []})"), "ShareGPT chat");
  EXPECT_EQ(format_name(R"({"instruction": "a", "output": "b"})"), "instruction");
  EXPECT_EQ(format_name(R"({"chosen": "a", "rejected": "b"})"), "preference");
  EXPECT_EQ(format_name(R"({"prompt": "a", "completion": "b", "label": true})"), "labelled");
  // A number is a class, not a verdict.
  EXPECT_EQ(format_name(R"({"prompt": "a", "completion": "b", "label": 3})"), "pair");
}

TEST(RecordFormats, AKeyThatIsNamedDecides) {
  const char* all =
      R"({"text": "t", "messages": [], "prompt": "p", "completion": "c", "body": "b"})";
  EXPECT_EQ(format_name(all, {.text = "text"}), "text");
  EXPECT_EQ(format_name(all, {.messages = "messages"}), "chat");
  EXPECT_EQ(std::get<TextRecord>(read(row(all), {.text = "body"})).text, "b");
  const RecordContent pair = read(row(all), {.prompt = "text", .completion = "body"});
  EXPECT_EQ(std::get<PairRecord>(pair).prompt, "t");
  EXPECT_EQ(std::get<PairRecord>(pair).completion, "b");
  expect_error([&] { read(row(all), {.text = "words"}); },
               {"a:1", "there is no words", "its keys are text, messages, prompt"});
}

TEST(RecordFormats, ARowOfNoneSaysWhatThereIs) {
  expect_error([] { format_name(R"({"q": "a", "a": "b"})"); },
               {"a:1", "its keys are q, a", "chat (messages)", "`messages_key`"});
  expect_error([] { format_name("{}"); }, "it has no keys");
}

TEST(RecordFormats, ARowOfAnotherNamesBoth) {
  expect_error([] { read_record(row(R"({"text": "a"})"), kChatFormat, {}, "a:7"); },
               {"a:7", "format text (text)", "format chat (messages)"});
  expect_error([] { read_record(row(R"({"q": "a"})"), kChatFormat, {}, "a:7"); },
               {"a:7", "format chat (messages)", "its keys are q"});
}

TEST(Messages, MustBeMessages) {
  expect_error([] { messages_of(R"({"messages": 3})"); }, {"a:1", "messages", "number"});
  expect_error([] { messages_of(R"({"messages": []})"); }, "holds no message");
  expect_error([] { messages_of(R"({"messages": ["hi"]})"); }, {"messages[0]", "not string"});
  expect_error([] { messages_of(R"({"messages": [{"content": "hi"}]})"); }, "no \"role\"");
  expect_error([] { messages_of(R"({"messages": [{"role": 1, "content": "hi"}]})"); }, "\"role\"");
  expect_error([] { messages_of(R"({"messages": [{"role": "user"}]})"); }, "no \"content\"");
  expect_error([] { messages_of(R"({"messages": [{"role": "user", "content": 1}]})"); },
               "neither a string nor a list");
}

TEST(Messages, CallsOfToolsNeedNoContent) {
  const ordered_json messages = messages_of(
      R"({"messages": [{"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]}]})");
  EXPECT_EQ(messages[0]["tool_calls"][0]["id"], "1");
}

TEST(Messages, MayBeJsonInAString) {
  EXPECT_EQ(
      messages_of(R"({"messages": "[{\"role\": \"user\", \"content\": \"hi\"}]"})")[0]["content"],
      "hi");
  expect_error([] { messages_of(R"({"messages": "[{"})"); }, "a:1: messages");
}

TEST(Messages, SayWhetherTheyAreTrained) {
  const RecordContent content = read(row(
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "train": false},
          {"role": "assistant", "content": "c", "weight": 0}, {"role": "assistant", "content": "d", "weight": 1}]})"));
  const auto& chat = std::get<ChatRecord>(content);
  EXPECT_EQ(chat.trained, (std::vector<bool>{true, false, false, true}));
  EXPECT_FALSE(chat.variables["messages"][1].contains("train"));  // no matter of the template
  EXPECT_FALSE(chat.variables["messages"][2].contains("weight"));
  expect_error(
      [] { messages_of(R"({"messages": [{"role": "user", "content": "a", "train": 2}]})"); },
      "neither true nor false");
  expect_error(
      [] { messages_of(R"({"messages": [{"role": "user", "content": "a", "weight": 0.5}]})"); },
      "neither 0 nor 1");
}

TEST(Messages, HaveTheVariablesOfTheirTemplate) {
  const auto chat = std::get<ChatRecord>(read(row(
      R"({"messages": [{"role": "user", "content": "a"}], "tools": [{"name": "f"}], "other": 1,
          "chat_template_kwargs": {"enable_thinking": false}})")));
  EXPECT_EQ(chat.variables["tools"][0]["name"], "f");
  EXPECT_EQ(chat.variables["enable_thinking"], false);
  EXPECT_FALSE(chat.variables.contains("other"));
  // Of tables the cells are strings; none of them is no list.
  const char* table = R"({"messages": [{"role": "user", "content": "a"}], "tools": ""})";
  EXPECT_FALSE(std::get<ChatRecord>(read(row(table))).variables.contains("tools"));
  for (const char* none :
       {R"("tools": [], "documents": [])", R"("tools": "[]")", R"("tools": null)",
        R"("chat_template_kwargs": {"tools": [], "documents": []})"}) {
    const std::string text =
        R"({"messages": [{"role": "user", "content": "a"}], )" + std::string(none) + "}";
    const auto variables = std::get<ChatRecord>(read(row(text.c_str()))).variables;
    EXPECT_FALSE(variables.contains("tools") || variables.contains("documents")) << text;
  }
  expect_error(
      [] { messages_of(R"({"messages": [{"role": "user", "content": "a"}], "tools": 1})"); },
      "\"tools\" is not a list");
}

TEST(ShareGpt, HasItsOwnNames) {
  const ordered_json messages = messages_of(
      R"({"system": "s", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"},
          {"from": "observation", "value": "c"}, {"from": "model", "value": "d"}]})");
  std::vector<std::string> roles;
  for (const ordered_json& message : messages) roles.push_back(message["role"]);
  EXPECT_EQ(roles, (std::vector<std::string>{"system", "user", "assistant", "tool", "assistant"}));
  EXPECT_EQ(messages[0]["content"], "s");
  EXPECT_EQ(messages[4]["content"], "d");
  expect_error([] { messages_of(R"({"conversations": [{"from": "cat", "value": "a"}]})"); },
               {"conversations[0]", "cat"});
  expect_error([] { messages_of(R"({"conversations": [{"from": "human"}]})"); }, "no \"value\"");
}

TEST(Instruction, IsAChatOfTwoMessagesAndMore) {
  const ordered_json messages = messages_of(
      R"({"instruction": "add", "input": "1 2", "output": "3", "system": "s", "history": [["q", "a"]]})");
  EXPECT_EQ(messages, ordered_json::parse(R"([{"role": "system", "content": "s"},
      {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"},
      {"role": "user", "content": "add\n1 2"}, {"role": "assistant", "content": "3"}])"));
  EXPECT_EQ(messages_of(R"({"instruction": "a", "input": "", "output": "b"})")[0]["content"], "a");
  expect_error([] { messages_of(R"({"instruction": "a", "output": "b", "history": [["q"]]})"); },
               "history");
}

TEST(Pair, MayBeOfMessages) {
  const auto chat = std::get<ChatRecord>(read(row(
      R"({"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}],
          "completion": [{"role": "assistant", "content": "b"}]})")));
  EXPECT_EQ(chat.prompt_messages, 2u);
  EXPECT_EQ(chat.variables["messages"].size(), 3u);
  expect_error(
      [] {
        read(row(R"({"prompt": "a", "completion": [{"role": "assistant", "content": "b"}]})"));
      },
      "prompt");
  expect_error([] { read(row(R"({"prompt": "a", "completion": 3})")); }, "\"completion\"");
}

TEST(Preference, HasAPromptOrSharesOne) {
  const auto given =
      std::get<PreferenceRecord>(read(row(R"({"prompt": "a", "chosen": "b", "rejected": "c"})")));
  EXPECT_EQ(std::get<PairRecord>(given.rejected).completion, "c");
  const auto shared = std::get<PreferenceRecord>(
      read(row(R"({"chosen": "The sky is blue", "rejected": "The sky is green"})")));
  EXPECT_EQ(std::get<PairRecord>(shared.chosen).prompt, "The sky is");
  EXPECT_EQ(std::get<PairRecord>(shared.chosen).completion, " blue");
  const auto chats = std::get<PreferenceRecord>(read(row(
      R"({"prompt": "q", "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
          "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}]})")));
  EXPECT_EQ(std::get<ChatRecord>(chats.chosen).prompt_messages, 1u);
  expect_error(
      [] {
        read(row(R"({"chosen": [{"role": "user", "content": "q"}],
                                 "rejected": [{"role": "user", "content": "r"}]})"));
      },
      "no prompt in common");
}

TEST(Labelled, HasAVerdict) {
  EXPECT_TRUE(
      std::get<LabelledRecord>(read(row(R"({"prompt": "a", "completion": "b", "label": true})")))
          .good);
  EXPECT_FALSE(
      std::get<LabelledRecord>(read(row(R"({"prompt": "a", "completion": "b", "label": "False"})")))
          .good);
}

}  // namespace
}  // namespace graft::data
