#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cli/program_fixture.h"

namespace graft {
namespace {

using testing::ProgramResult;

class Eval : public testing::ProgramTest {
 protected:
  Eval() {
    write("pairs.jsonl", R"({"prompt": "1+1=", "completion": "2"}
{"prompt": "the ", "completion": "one"}
{"prompt": "a", "completion": "b"}
)");
  }

  ProgramResult eval(std::vector<std::string> more) {
    std::vector<std::string> arguments = {"eval", "--model", "model", "--max-tokens", "5"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
};

TEST_F(Eval, MeasuresSeveralAdaptersSideBySide) {
  ASSERT_EQ(train().code, 0);
  const ProgramResult result = eval({"--data", "pairs.jsonl", "--adapter-file", "none",
                                     "--adapter-file", "adapters.npz", "--samples", "1"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "adapter +loss +perplexity +exact +f1 +records +tokens/s");
  expect_line(result.out, "no adapter +[0-9.]+ +[0-9.]+ .* 3 +\\d+");
  expect_line(result.out, "adapters.npz +[0-9.]+ +[0-9.]+ .* 3 +\\d+");
  expect_line(result.out, "  prompt     1\\+1=");
  expect_line(result.out, "  reference  2");
}

TEST_F(Eval, ItsLossIsThatOfATest) {
  const ProgramResult result = eval({"--data", "pairs.jsonl", "--loss-only", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const auto all = nlohmann::json::parse(result.out);
  EXPECT_EQ(all["results"].size(), 1u);
  EXPECT_NEAR(all["results"][0]["loss"].get<double>(),
              test_loss({"--model", "model", "--data", "pairs.jsonl"}), 6e-4);
  EXPECT_FALSE(all["results"][0].contains("measures"));
}

TEST_F(Eval, JsonHoldsAnyName) {
  write("a\x7f\xff.jsonl", R"({"prompt": "1", "completion": "2"})");
  const ProgramResult result = eval({"--data", "a\x7f\xff.jsonl", "--loss-only", "--json"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(nlohmann::json::parse(result.out)["data"], "a\x7f\xEF\xBF\xBD.jsonl");
}

TEST_F(Eval, TheTableSaysWhatRowsAre) {
  write("sql.jsonl",
        R"({"prompt": "1", "completion": "SELECT 1", "schema": "CREATE TABLE t (a);"})");
  const ProgramResult result = eval({"--data", "sql.jsonl", "--scorer", "sql"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "rows: references that give a row at all; .*");
  EXPECT_EQ(eval({"--data", "sql.jsonl"}).out.find("rows:"), std::string::npos);
}

TEST_F(Eval, WritesAllAnswers) {
  ASSERT_EQ(eval({"--data", "pairs.jsonl", "--answers", "answers.jsonl", "--limit", "2"}).code, 0);
  std::istringstream lines(testing::read_bytes(folder_ / "answers.jsonl"));
  std::vector<nlohmann::json> answers;
  for (std::string line; std::getline(lines, line);) answers.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[1]["prompt"], "the ");
  EXPECT_EQ(answers[1]["reference"], "one");
  EXPECT_EQ(answers[1]["place"], "pairs.jsonl:2");
  EXPECT_TRUE(answers[1]["scores"].contains("exact"));
}

TEST_F(Eval, OfTextsTheLossAloneIsMeasured) {
  const ProgramResult result = eval({"--data", "data"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("the loss alone is measured"), std::string::npos) << result.err;
  expect_refused(eval({"--data", "data", "--scorer", "number"}), 1, "no record has an answer");
}

TEST_F(Eval, WhatIsWrongIsSaid) {
  expect_refused(eval({"--data", "pairs.jsonl", "--scorer", "nothing"}), 1, "nothing");
  expect_refused(eval({"--data", "pairs.jsonl", "--adapter-file", "no.npz"}), 1, "no.npz");
  expect_refused(eval({"--data", "nowhere"}), 1, "nowhere");
  expect_refused(eval({"--data", "pairs.jsonl", "--split", "dev"}), 2, "--split");
}

}  // namespace
}  // namespace graft
