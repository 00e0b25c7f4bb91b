// Data as people have them, given to the program.
#include <gtest/gtest.h>

#include "tests/cli/program_fixture.h"

namespace graft {
namespace {

using testing::ProgramResult;

class DataOptions : public testing::ProgramTest {
 protected:
  DataOptions() { write("chats.jsonl", chats(40)); }

  static std::string chats(int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) {
      lines += fmt::format(
          R"({{"messages": [{{"role": "user", "content": "say {}"}}, {{"role": "assistant", "content": "the {}"}}]}})"
          "\n",
          i, i);
    }
    return lines;
  }

  ProgramResult lora(std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "lora", "--model",         "model", "--train", "--iters", "2", "--steps-per-report",
        "1",    "--sample-tokens", "0"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
};

TEST_F(DataOptions, AFileOfChatsIsTrainedAndDividedAsItSays) {
  const ProgramResult result = lora({"--data", "chats.jsonl", "--valid-split", "0.2"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.out,
              "  chats \\(messages\\) as ChatML; what assistants say is trained: \\d+ of \\d+ "
              "tokens \\(\\d+%\\)");
  std::smatch match;
  int examples = 0, sets = 0;
  for (std::string text = result.out;
       std::regex_search(text, match, std::regex("chats.jsonl(?: \\(valid\\))?: (\\d+) examples"));
       ++sets) {
    examples += std::stoi(match[1]);
    text = match.suffix();
  }
  EXPECT_EQ(sets, 2);
  EXPECT_EQ(examples, 40);
  expect_line(result.out, "Iter 1: Val loss .*");
}

TEST_F(DataOptions, WithoutAValidationSetThereIsAWarningAndNoValidation) {
  const ProgramResult result = lora({"--data", "chats.jsonl"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.err, "warning: there is no validation set: .*--valid-split 0.05.*");
  EXPECT_EQ(result.out.find("Val loss"), std::string::npos) << result.out;
  expect_refused(lora({"--data", "chats.jsonl", "--patience", "2"}), 1, "--patience");
}

TEST_F(DataOptions, OneFileIsNotTrainedAndTested) {
  expect_refused(lora({"--data", "chats.jsonl", "--test"}), 2, "chats.jsonl");
  EXPECT_EQ(run({"lora", "--model", "model", "--test", "--data", "chats.jsonl"}).code, 0);
}

TEST_F(DataOptions, WhatIsTrainedCanBeChosen) {
  const auto trained = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"--data", "chats.jsonl"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = lora(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    std::smatch match;
    EXPECT_TRUE(std::regex_search(result.out, match, std::regex("trained.*: (\\d+) of (\\d+)")));
    return std::pair(std::stoi(match[1]), std::stoi(match[2]));
  };
  const auto [assistant, all] = trained({});
  const auto [masked, ignored] = trained({"--mask-prompt"});
  EXPECT_EQ(masked, assistant + 40);  // the line's end behind the last turn, too
  EXPECT_EQ(trained({"--train-on", "all"}).first, all - 40);
  EXPECT_EQ(trained({"--train-on", "last"}).first, assistant);
  expect_refused(lora({"--train-on", "some"}), 2, "--train-on");
  expect_refused(lora({"--mask-prompt", "--train-on", "all"}), 2, "--train-on");
  expect_refused(lora({"--mask-prompt"}), 2, "data/train.jsonl:1");  // texts
}

TEST_F(DataOptions, PackedTrainingsGoOnToTheSameBytes) {
  const std::vector<std::string> options = {
      "lora",   "--model",        "model", "--train",      "--data", "chats.jsonl",
      "--pack", "--batch-tokens", "70",    "--save-every", "3",      "--group-by-length"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> all = options;
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  ASSERT_EQ(with({"--iters", "9", "--adapter-file", "whole.npz"}).code, 0);
  ASSERT_EQ(with({"--iters", "3", "--schedule-iters", "9", "--adapter-file", "part.npz"}).code, 0);
  const ProgramResult rest = run({"lora", "--resume", "part.npz", "--iters", "9"});
  ASSERT_EQ(rest.code, 0) << rest.err;
  // The adapters' files name what their trainings were told: arrays are compared.
  EXPECT_EQ(test_loss({"--model", "model", "--adapter-file", "whole.npz"}),
            test_loss({"--model", "model", "--adapter-file", "part.npz"}));
  expect_refused(lora({"--batch-tokens", "9"}), 2, "--pack");
}

TEST_F(DataOptions, SourcesMayHaveShares) {
  write("more.csv", "prompt,completion\n\"a, b\",c\nd,e\nf,g\n");
  const ProgramResult result = lora({"--data", "chats.jsonl:0.5", "--data", "more.csv:0.5"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "train \\(2 files\\): 43 examples, .*");
  expect_line(result.out,
              "  chats \\(messages\\) as ChatML; what assistants say is trained, and pairs "
              "\\(prompt, completion\\) as plain texts; completions are trained: .*");
  expect_refused(lora({"--data", "chats.jsonl:0", "--data", "more.csv:1"}), 2, "above 0");
  expect_refused(lora({"--data", "chats.jsonl:1", "--data", "more.csv"}), 2, "a weight");
}

TEST_F(DataOptions, RecordsOfAnotherFormatAndBrokenOnesAreNamed) {
  const auto refused = [&](const std::string& text, const std::string& says) {
    write("bad.jsonl", text);
    expect_refused(lora({"--data", "bad.jsonl"}), 1, says);
  };
  refused(chats(2) + R"({"text": "a"})" + "\n", "bad.jsonl:3: a record of the format text");
  refused(R"({"q": "a"})", "bad.jsonl:1: a record of no known format: its keys are q");
  refused(R"({"messages": [{"role": "user", "content": [{"type": "image", "url": "x"}]}]})",
          "bad.jsonl:1");
  refused(R"({"messages": [{"role": "user", "content": "hi"}]})", "1 without a token to train on");
  refused(R"({"prompt": "a", "chosen": "b", "rejected": "c"})", "a preference");
  refused("", "holds no records");
  write("few.jsonl", chats(3));
  expect_refused(lora({"--data", "few.jsonl", "--valid-split", "0.000001"}), 1,
                 "few.jsonl (valid) holds no records: none of 3 records is in the share 1e-06 that "
                 "--valid-split sets aside; 0.");
  write("bad.csv", "text,n\na,1\nb\n");
  expect_refused(lora({"--data", "bad.csv"}), 1, "bad.csv:3");
  write("bad.jsonl.gz", "no gzip");
  expect_refused(lora({"--data", "bad.jsonl.gz"}), 1, "bad.jsonl.gz is no gzip data");
}

TEST_F(DataOptions, CallsOfToolsThatTheTemplateDoesNotWriteAreToldOnce) {
  write("model/chat_template.jinja",
        "{% for m in messages %}{{ m.role }}: {{ m.content }}</s>{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}");
  const std::string calling =
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "sum", "arguments": {"x": 1}}}]}]})"
      "\n";
  write("calls.jsonl", chats(2) + calling + calling);
  const ProgramResult result = lora({"--data", "calls.jsonl"});
  ASSERT_EQ(result.code, 0) << result.err;
  const std::string says = "the chat template writes nothing of";
  const size_t first = result.err.find(says);
  EXPECT_NE(first, std::string::npos) << result.err;
  EXPECT_EQ(result.err.find(says, first + 1), std::string::npos) << result.err;
  expect_line(result.err,
              "warning: calls.jsonl:3: the chat template writes nothing of the tool calls of an "
              "assistant's message, .* 2 of 4 .*");
  EXPECT_EQ(lora({"--data", "chats.jsonl"}).err.find(says), std::string::npos);
}

TEST_F(DataOptions, KeysCanBeRenamed) {
  write("own.jsonl", R"({"q": "a b", "a": "c d", "body": "e f"})");
  EXPECT_EQ(lora({"--data", "own.jsonl", "--prompt-key", "q", "--completion-key", "a"}).code, 0);
  EXPECT_EQ(lora({"--data", "own.jsonl", "--text-key", "body"}).code, 0);
  expect_refused(lora({"--data", "own.jsonl", "--text-key", "words"}), 1, "there is no words");
  expect_refused(lora({"--data", "own.jsonl", "--text-key", "body", "--prompt-key", "q"}), 2,
                 "--text-key");
}

TEST_F(DataOptions, AModelThatLearnsChatsStops) {
  std::string lines;
  for (int i = 0; i < 200; ++i) {
    lines += fmt::format(
        R"({{"messages": [{{"role": "user", "content": "{}"}}, {{"role": "assistant", "content": "the"}}]}})"
        "\n",
        i);
  }
  write("chats.jsonl", lines);
  const std::vector<std::string> eval = {
      "eval",        "--model", "model",          "--data", "chats.jsonl",
      "--split",     "test",    "--limit",        "8",      "--max-tokens",
      "40",          "--json",  "--adapter-file", "none",   "--adapter-file",
      "adapters.npz"};
  ASSERT_EQ(run({"lora", "--model", "model", "--train", "--data", "chats.jsonl", "--iters", "150",
                 "--learning-rate", "2e-2", "--lora-layers", "-1", "--lora-keys", "all",
                 "--sample-tokens", "0", "--lora-rank", "16"})
                .code,
            0);
  const ProgramResult result = run(eval);
  ASSERT_EQ(result.code, 0) << result.err;
  const auto results = nlohmann::json::parse(result.out)["results"];
  EXPECT_EQ(results[0]["measures"]["exact"]["mean"], 0);
  EXPECT_EQ(results[1]["measures"]["exact"]["mean"], 1) << result.out;  // "the", and no more
}

}  // namespace
}  // namespace graft
