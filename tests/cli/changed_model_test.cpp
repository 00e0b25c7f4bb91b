// A model's file that somebody writes to while it is mapped.

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class ChangedModel : public ProgramTest {
 protected:
  ChangedModel() { write_tiny_model(folder_ / "wide", 1, 256); }

  fs::path weights() const { return folder_ / "wide/model.safetensors"; }

  // A training of hours; something happens once it has begun.
  ProgramResult train_while(const std::function<void()>& happens) {
    ProgramOptions options;
    bool done = false;
    options.watch = [&](pid_t, const std::string& out) {
      if (done || out.find("Iter 2: ") == std::string::npos) return;
      done = true;
      happens();
    };
    return run({"lora", "--model", "wide", "--train", "--iters", "1000000", "--steps-per-report",
                "1", "--steps-per-eval", "1000000"},
               options);
  }

  void expect_saved(const ProgramResult& result, const char* complaint) {
    expect_refused(result, 1, complaint);
    EXPECT_TRUE(std::regex_search(
        result.err, std::regex("; the adapter of iteration [0-9]+ is in adapters.npz\n")))
        << result.err;
    EXPECT_TRUE(fs::exists(folder_ / "adapters.npz"));
  }
};

TEST_F(ChangedModel, ThatIsCutOffEndsTheTrainingWithWhatIsGood) {
  expect_saved(train_while([&] { fs::resize_file(weights(), 9000); }),
               "wide/model.safetensors was cut off while it was in use");
}

TEST_F(ChangedModel, ThatIsWrittenToEndsTheTrainingWithWhatIsGood) {
  expect_saved(train_while([&] {
                 std::fstream file(weights(), std::ios::in | std::ios::out | std::ios::binary);
                 file.seekp(100000);
                 file << std::string(1000, '\0');
               }),
               "wide/model.safetensors was written to while it was in use");
}

// The step that failed is the next one of who goes on: no batch is left out.
TEST_F(ChangedModel, ThatIsAsItWasAgainTrainsOnAsIfNothingHadBeen) {
  const std::string bytes = read_bytes(weights());
  const ProgramResult failed = train_while([&] {
    std::fstream file(weights(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(100000);
    file << std::string(1000, '\0');
  });
  std::smatch match;
  ASSERT_TRUE(std::regex_search(failed.err, match, std::regex("the adapter of iteration ([0-9]+)")))
      << failed.err;
  write_bytes(weights(), bytes);
  const std::string iters = std::to_string(std::stoi(match[1]) + 5);
  const ProgramResult resumed = run({"lora", "--resume", "adapters.npz", "--iters", iters});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  const ProgramResult whole =
      run({"lora", "--model", "wide", "--train", "--iters", iters, "--steps-per-report", "1",
           "--steps-per-eval", "1000000", "--adapter-file", "whole.npz"});
  ASSERT_EQ(whole.code, 0) << whole.err;
  EXPECT_EQ(read_bytes(folder_ / "adapters.npz"), read_bytes(folder_ / "whole.npz"));
}

// A new file under its name is another file: the one that is mapped stays as it is.
TEST_F(ChangedModel, ThatIsReplacedIsNoReasonToStop) {
  ProgramOptions options;
  bool done = false;
  options.watch = [&](pid_t, const std::string& out) {
    if (done || out.find("Iter 2: ") == std::string::npos) return;
    done = true;
    write_tiny_model(folder_ / "other", 2, 256);
    fs::rename(folder_ / "other/model.safetensors", weights());
  };
  const ProgramResult result = run({"lora", "--model", "wide", "--train", "--iters", "150",
                                    "--steps-per-report", "1", "--steps-per-eval", "1000"},
                                   options);
  EXPECT_TRUE(done);
  EXPECT_EQ(result.code, 0) << result.err;
}

}  // namespace
}  // namespace graft::testing
