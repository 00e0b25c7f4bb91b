// `graft lora --find-lr`

#include <csignal>

#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class FindLr : public ProgramTest {
 protected:
  ProgramResult find(const std::vector<std::string>& more = {}, ProgramOptions options = {}) {
    std::vector<std::string> arguments = {"lora", "--model", "model", "--find-lr"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments, std::move(options));
  }
};

TEST_F(FindLr, ChangesNothingAndSaysHowToTrain) {
  fs::remove(folder_ / "data/valid.jsonl");
  const auto before = files();
  const ProgramResult result = find({"--batch-size", "6", "--lora-keys", "q_proj,v_proj",
                                     "--sample-prompt", "it's", "--grad-checkpoint"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_files(before);
  expect_line(result.out, "Suggested learning rate: [0-9.e-]+");
  expect_line(result.out,
              "To train with it: graft lora --train --learning-rate [0-9.e-]+ --model model "
              "--batch-size 6 --lora-keys q_proj,v_proj --grad-checkpoint "
              "--sample-prompt 'it'\\\\''s'");
  expect_line(result.out, "Wrote adapters.run/learning-rate.html");
  const std::string page = read_bytes(folder_ / "adapters.run/learning-rate.html");
  EXPECT_NE(page.find("\"learning_rate_search\":{\"points\":[{\"learning_rate\":1e-07,\"loss\":"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "adapters.run/metrics.jsonl"));
}

TEST_F(FindLr, GoesOnFromAnAdapter) {
  ASSERT_EQ(train().code, 0);
  const auto before = files();
  const ProgramResult result =
      find({"--resume-adapter-file", "adapters.npz", "--optimizer", "lion"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.err, "Resuming from adapters.npz");
  expect_files(before);
  EXPECT_TRUE(fs::exists(folder_ / "adapters.run/metrics.jsonl"));
}

TEST_F(FindLr, IsRefusedBesideWhatItIsNot) {
  for (const char* other : {"--test", "--resume"}) {
    expect_refused(find({other}), 2, "give it without --test, --prompt and --resume");
  }
  // What a configuration would do is what the rate is for.
  write("c.yaml", "train: true\nbatch_size: 2\n");
  EXPECT_EQ(find({"--config", "c.yaml", "--train"}).code, 0);
  write("c.yaml", "find_lr: true\ntrain: true\n");
  EXPECT_EQ(run({"lora", "--model", "model", "--config", "c.yaml"}).code, 0);
  EXPECT_FALSE(fs::exists(folder_ / "adapters.npz"));
  expect_refused(find({"--optimizer", "adan"}), 2, "did you mean adam?");
  expect_refused(find({"--adapter-file", "none"}), 2, "--find-lr needs an --adapter-file");
}

TEST_F(FindLr, StopsAtCtrlC) {
  const auto before = files();
  ProgramOptions options;
  bool sent = false;
  options.watch = [&](pid_t process, const std::string& out) {
    if (sent || out.find("Trying learning rates") == std::string::npos) return;
    ::kill(process, SIGINT);
    sent = true;
  };
  const ProgramResult result = find({"--grad-accumulation", "50"}, options);
  EXPECT_EQ(result.code, 130);
  expect_line(result.err, "Interrupted: nothing was changed");
  expect_files(before);
  EXPECT_FALSE(fs::exists(folder_ / "adapters.run"));
}

}  // namespace
}  // namespace graft::testing
