#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "graft/base/files.h"
#include "graft/evaluation/scorers.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::evaluation {
namespace {

class ProgramScorer : public ::testing::Test {
 protected:
  // Scores `count` answers with a shell script.
  std::vector<Scores> run(const std::string& script, size_t count,
                          const std::function<bool()>& interrupted = {}) {
    const fs::path program = folder_ / "score";
    testing::write_bytes(program, "#!/bin/sh\n" + script + "\n");
    fs::permissions(program, fs::perms::owner_all);
    std::vector<Answered> answers;
    for (size_t i = 0; i < count; ++i) {
      answers.push_back({"p", "answer " + std::to_string(i), "r\n\"", {{"i", i}}, "t:1"});
    }
    return make_scorer(program.string())->score(answers, interrupted);
  }

  testing::TempFolder folder_;
};

TEST_F(ProgramScorer, GetsLinesAndGivesScores) {
  const auto scores = run("cat > " + (folder_ / "got").string() +
                              "; echo '{\"score\": 1}'; echo; printf '{\"score\": 0.25, \"x\": 1}'",
                          2);
  ASSERT_EQ(scores.size(), 2u);
  EXPECT_EQ(scores[0].values, std::vector<double>{1});
  EXPECT_EQ(scores[1].values, std::vector<double>{0.25});
  const std::string got = testing::read_bytes(folder_ / "got");
  EXPECT_EQ(got.substr(0, got.find('\n')),
            R"({"prompt":"p","answer":"answer 0","reference":"r\n\"","record":{"i":0}})");
}

// Far more than a pipe holds, both ways.
TEST_F(ProgramScorer, ManyLinesDoNotBlock) {
  const auto scores = run("sed 's/.*/{\"score\": 0.5}/'", 50000);
  EXPECT_EQ(scores.size(), 50000u);
}

TEST_F(ProgramScorer, WhatGoesWrongIsSaid) {
  const auto refused = [&](const char* script, const char* what, size_t count = 2) {
    testing::expect_error([&] { run(script, count); }, what);
  };
  refused("echo '{\"score\": 1}'; exit 3", "ended with code 3");
  refused("kill -9 $$", "ended by signal 9");
  refused("echo '{\"score\": 1}'", "it wrote 1 scores for 2 answers");
  refused("for i in 1 2 3; do echo '{\"score\": 1}'; done", "line 3: there are 2 answers");
  refused("echo '{\"score\": 1.5}'", "line 1: a score is from 0 to 1, found 1.5");
  refused("echo '{\"score\": \"1\"}'", "line 1: expected {\"score\"");
  refused("echo '{\"score\": NaN}'", "found nan");
  refused("echo 1", "line 1: expected");
  refused("echo '{'", "line 1");
  refused("exec 0<&-; echo '{\"score\": 1}'", "1 scores for 90000", 90000);  // it reads nothing
  testing::expect_error([] { make_scorer("/no/such")->score({}); }, "/no/such: cannot be started");
}

TEST_F(ProgramScorer, AnInterruptKillsItAndWhatItStarted) {
  const auto start = std::chrono::steady_clock::now();
  int asked = 0;
  const auto scores =
      run("echo '{\"score\": 1}'; sleep 100 & sleep 100", 2, [&] { return ++asked > 5; });
  EXPECT_LE(scores.size(), 1u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(50));
}

}  // namespace
}  // namespace graft::evaluation
