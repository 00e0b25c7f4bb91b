#include "graft/data/conversion/conversion.h"

#include <gtest/gtest.h>

#include "graft/base/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::data {
namespace {

using testing::expect_error;

ordered_json convert(const std::string& row, const std::string& to,
                     ConversionOptions options = {}) {
  const ordered_json object = ordered_json::parse(row);
  options.to = target_format_named(to);
  return converted(object, format_of(object, options.keys, "row"), options, "row");
}

void expect_converted(const std::string& row, const std::string& to, const std::string& expected) {
  EXPECT_EQ(convert(row, to), ordered_json::parse(expected)) << to << " of " << row;
}

const std::string kPair = R"({"prompt": "a", "completion": "b"})";
const std::string kChat =
    R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})";
const std::string kInstruction = R"({"instruction": "a", "input": "", "output": "b"})";
const std::string kShareGpt =
    R"({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]})";

TEST(Conversion, AnyTurnIsAnyOther) {
  const std::pair<const char*, std::string> forms[] = {
      {"pair", kPair}, {"chat", kChat}, {"instruction", kInstruction}, {"sharegpt", kShareGpt}};
  for (const auto& [from, row] : forms) {
    for (const auto& [to, expected] : forms) expect_converted(row, to, expected);
  }
}

TEST(Conversion, LongerChats) {
  const std::string chat = R"({"messages": [{"role": "system", "content": "s"},
      {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
      {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]})";
  const std::string instruction = R"({"instruction": "c", "input": "", "output": "d",
      "system": "s", "history": [["a", "b"]]})";
  expect_converted(chat, "instruction", instruction);
  expect_converted(instruction, "chat", chat);
  expect_error([&] { convert(chat, "pair"); }, "row: a pair has no place for what the system says");
}

TEST(Conversion, InputsFollowInstructions) {
  expect_converted(R"({"instruction": "a", "input": "i", "output": "b"})", "pair",
                   R"({"prompt": "a\ni", "completion": "b"})");
}

TEST(Conversion, KeepsTheOtherMembers) {
  const std::string row =
      R"({"id": 7, "prompt": "a", "completion": "b", "tools": [{"name": "f"}]})";
  EXPECT_EQ(convert(row, "chat").dump(),
            R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],)"
            R"("id":7,"tools":[{"name":"f"}]})");
  EXPECT_EQ(convert(row, "chat", {.only = true}).dump(),
            R"({"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],)"
            R"("tools":[{"name":"f"}]})");
}

TEST(Conversion, MembersThatWouldMakeItAnotherFormatAreRefused) {
  const std::string row =
      R"({"instruction": "a", "output": "b", "chosen": "x", "rejected": "y", "id": 1})";
  const ordered_json object = ordered_json::parse(row);
  ConversionOptions options{.to = TargetFormat::chat};
  expect_error([&] { converted(object, kInstructionFormat, options, "row"); },
               "row: with its other members it would be read as one of the format preference");
  options.only = true;
  EXPECT_EQ(converted(object, kInstructionFormat, options, "row"), ordered_json::parse(kChat));
}

TEST(Conversion, OtherKeys) {
  EXPECT_EQ(
      convert(R"({"q": "a", "r": "b"})", "pair", {.keys = {.prompt = "q", .completion = "r"}}),
      ordered_json::parse(kPair));
}

TEST(Conversion, WhatIsNotTrainedStaysSo) {
  expect_converted(R"({"messages": [{"role": "user", "content": "a"},
      {"role": "assistant", "content": "b", "weight": 0}, {"role": "user", "content": "c"},
      {"role": "assistant", "content": "d"}]})",
                   "sharegpt", R"({"conversations": [{"from": "human", "value": "a"},
      {"from": "gpt", "value": "b", "train": false}, {"from": "human", "value": "c"},
      {"from": "gpt", "value": "d"}]})");
  // Earlier answers of a prompt carry no loss.
  expect_converted(R"({"prompt": [{"role": "user", "content": "a"},
      {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}],
      "completion": [{"role": "assistant", "content": "d"}]})",
                   "chat", R"({"messages": [{"role": "user", "content": "a"},
      {"role": "assistant", "content": "b", "train": false}, {"role": "user", "content": "c"},
      {"role": "assistant", "content": "d"}]})");
}

TEST(Conversion, Preferences) {
  expect_converted(R"({"chosen": "q: a", "rejected": "q: b"})", "preference",
                   R"({"prompt": "q:", "chosen": " a", "rejected": " b"})");
  expect_converted(
      R"({"chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
      "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "b"}]})",
      "preference", R"({"prompt": [{"role": "user", "content": "q"}],
      "chosen": [{"role": "assistant", "content": "a"}],
      "rejected": [{"role": "assistant", "content": "b"}]})");
}

TEST(Conversion, WhatHasNoMeaningIsRefused) {
  expect_error([] { convert(R"({"text": "a"})", "chat"); }, "row: a text is no chat");
  expect_error([] { convert(R"({"text": "a"})", "preference"); }, "row: it has no two answers");
  expect_error([] { convert(R"({"prompt": "p", "chosen": "a", "rejected": "b"})", "pair"); },
               "row: a preference is no chat");
  expect_error([] { convert(R"({"prompt": "p", "completion": "a", "label": true})", "chat"); },
               "row: an answer with a label is no chat");
  expect_error([] { convert(R"({"messages": [{"role": "user", "content": "a"}]})", "pair"); },
               "row: message 1 does not begin a turn");
  expect_error(
      [] {
        convert(R"({"messages": [{"role": "user", "content": "a"},
          {"role": "assistant", "content": "b", "tool_calls": []}]})",
                "pair");
      },
      "row: a message has \"tool_calls\", for which there is no place");
  expect_error(
      [] {
        convert(R"({"messages": [{"role": "user", "content": [{"type": "image"}]},
          {"role": "assistant", "content": "b"}]})",
                "sharegpt");
      },
      "row: a message's content is no string");
  expect_error([] { convert(R"({"messages": [{"role": "critic", "content": "x"}]})", "sharegpt"); },
               "row: ShareGPT has no name for the role \"critic\"");
  expect_error<UsageError>([] { convert(kPair, "text"); }, "name a model");
  expect_error<UsageError>([] { target_format_named("xml"); }, "xml is none of text, pair");
}

class ConvertedFiles : public ::testing::Test {
 protected:
  ConversionCounts convert_file(std::string_view rows, ConversionOptions options) {
    testing::write_bytes(folder_ / "in.jsonl", rows);
    return convert_rows({folder_ / "in.jsonl", "in.jsonl"}, folder_ / "out.jsonl", options,
                        *silent_front_end());
  }

  testing::TempFolder folder_;
};

TEST_F(ConvertedFiles, ThroughATemplate) {
  const auto folder = testing::tokenizer_fixture("smollm");
  const Renderer renderer(chat_form(folder, tokenizer::Tokenizer::load(folder)), {});
  convert_file(kChat, {.to = TargetFormat::text, .renderer = &renderer});
  const std::string row = testing::read_bytes(folder_ / "out.jsonl");
  EXPECT_NE(row.find(R"(<|im_start|>assistant\nb<|im_end|>)"), std::string::npos) << row;
}

TEST_F(ConvertedFiles, TheFirstThatCannotBeIsAnError) {
  expect_error([&] { convert_file(kPair + "\n{}\n", {.to = TargetFormat::chat}); }, "in.jsonl:2: ");
  EXPECT_EQ(testing::names_in(folder_.path()), std::vector<std::string>{"in.jsonl"});
}

TEST_F(ConvertedFiles, OrIsSkipped) {
  const ConversionCounts counts =
      convert_file(kPair + "\n{}\n{\n" + kPair + "\n", {.to = TargetFormat::chat, .skip = true});
  EXPECT_EQ(counts.written, 2);
  EXPECT_EQ(counts.skipped, 2);
  EXPECT_TRUE(counts.first_skipped.starts_with("in.jsonl:2: ")) << counts.first_skipped;
}

TEST_F(ConvertedFiles, NothingIsNoDataSet) {
  expect_error([&] { convert_file("", {}); }, "in.jsonl");
  expect_error([&] { convert_file("{}\n", {.skip = true}); }, "none of 1 records can be converted");
  EXPECT_EQ(testing::names_in(folder_.path()), std::vector<std::string>{"in.jsonl"});
}

}  // namespace
}  // namespace graft::data
