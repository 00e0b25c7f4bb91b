// The texts that a training continues before and after, in its records.

#include <csignal>

#include "graft/io/json.h"
#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class Samples : public ProgramTest {
 protected:
  json samples() const {
    return json::parse(read_bytes(folder_ / "adapters.run/run.json")).at("samples");
  }
  // Of the page's data and run.json's.
  void expect_in_page(const std::string& text) const {
    EXPECT_NE(read_bytes(folder_ / "adapters.run/report.html").find(json(text).dump()),
              std::string::npos)
        << text;
  }
};

TEST_F(Samples, AreInTheRecordsAndChangeNothingElse) {
  ASSERT_EQ(train({"--lora-dropout", "0.1"}).code, 0);
  const std::string adapter = read_bytes(folder_ / "adapters.npz");
  const json all = samples();
  ASSERT_EQ(all.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    const std::string prompt = all[i].at("prompt"), whole = "the number " + std::to_string(i);
    EXPECT_EQ(prompt.substr(0, whole.size()), whole.substr(0, prompt.size()));
    EXPECT_NE(all[i].at("before"), "");
    EXPECT_NE(all[i].at("before"), all[i].at("after"));
    expect_in_page(all[i].at("after"));
  }
  ASSERT_EQ(train({"--lora-dropout", "0.1", "--sample-tokens", "0"}).code, 0);
  EXPECT_TRUE(samples().empty());
  EXPECT_TRUE(read_bytes(folder_ / "adapters.npz") == adapter);
}

TEST_F(Samples, OfPromptsThatAreGiven) {
  const ProgramResult result =
      train({"--sample-prompt", "the number", "--sample-prompt", "[a,b]", "--sample-tokens", "4"});
  ASSERT_EQ(result.code, 0) << result.err;
  ASSERT_EQ(samples().size(), 2u);
  EXPECT_EQ(samples()[0].at("prompt"), "the number");
  EXPECT_EQ(samples()[1].at("prompt"), "[a,b]");
  // What a resumed training does not name is as it was, and from before.
  const json first = samples();
  ASSERT_EQ(run({"lora", "--resume", "adapters.npz", "--iters", "40"}).code, 0);
  ASSERT_EQ(samples().size(), 2u);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(samples()[i].at("before"), first[i].at("before"));
  EXPECT_NE(samples()[0].at("after"), first[0].at("after"));
  expect_refused(train({"--sample-prompt", ""}), 2, "--sample-prompt '' has no token");
  expect_refused(train({"--sample-tokens", "-1"}), 2, "--sample-tokens");
}

TEST_F(Samples, AStopBeforeTheFirstStepLeavesWhatWasThere) {
  ASSERT_EQ(train().code, 0);
  const json before = samples();
  ProgramOptions options;
  bool sent = false;
  options.watch = [&](pid_t process, const std::string& out) {
    if (sent || out.find("Starting training") == std::string::npos) return;
    ::kill(process, SIGINT);
    sent = true;
  };
  const ProgramResult stopped = train({"--sample-tokens", "100000"}, options);
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  EXPECT_EQ(stopped.out.find("Iter 1:"), std::string::npos);
  EXPECT_EQ(samples(), before);
}

TEST_F(Samples, AStopAtTheEndLeavesTheTrainingComplete) {
  ASSERT_EQ(train().code, 0);
  const std::string adapter = read_bytes(folder_ / "adapters.npz");
  ProgramOptions options;
  bool sent = false;
  options.watch = [&](pid_t process, const std::string& out) {
    if (sent || out.find("Iter 20: Saved") == std::string::npos) return;
    ::kill(process, SIGINT);
    sent = true;
  };
  ASSERT_EQ(train({"--iters", "10"}).code, 0);
  const ProgramResult stopped = run(
      {"lora", "--resume", "adapters.npz", "--iters", "20", "--sample-tokens", "100000"}, options);
  EXPECT_EQ(stopped.code, 130) << stopped.err;
  expect_line(stopped.err, "Interrupted after the training, which is complete");
  const json facts = json::parse(read_bytes(folder_ / "adapters.run/run.json"));
  EXPECT_EQ(facts.at("status"), "finished");
  EXPECT_EQ(facts.at("samples")[2].at("after"), "");
  EXPECT_TRUE(read_bytes(folder_ / "adapters.npz") == adapter);
}

}  // namespace
}  // namespace graft::testing
