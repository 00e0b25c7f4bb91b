// What happens when there is not enough memory.

#include <gtest/gtest.h>

#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class Memory : public ProgramTest {};

// Of whatever part of the program, and of the libraries that it uses.
TEST_F(Memory, ALackOfItIsOneLine) {
#ifndef __GLIBC__
  GTEST_SKIP() << "known for glibc alone";
#endif
  write_tiny_model(folder_ / "wide", 1, 768);
  int lacking = 0, code = -1;
  for (rlim_t megabytes = 120; code != 0 && megabytes < 4000; megabytes += 10) {
    ProgramOptions options;
    options.address_space = megabytes << 20;
    options.environment = {"GRAFT_THREADS=1"};
    const ProgramResult result =
        run({"lora", "--model", "wide", "--train", "--iters", "1", "--force"}, options);
    code = result.code;
    ASSERT_LT(code, 128) << megabytes << " MB: " << result.err;
    if (result.err.find("graft: out of memory: ") == std::string::npos) continue;
    ++lacking;
    expect_refused(result, 1, " bytes were asked for");
  }
  EXPECT_EQ(code, 0);
  EXPECT_GT(lacking, 0);
}

// Neither a copy of the options nor the checkpoint itself keeps what the optimizer goes on with.
TEST_F(Memory, AResumedFullFineTuningHoldsItsMomentsOnce) {
#ifdef GRAFT_SANITIZED
  GTEST_SKIP() << "a sanitizer keeps what was freed";
#endif
  write_tiny_model(folder_ / "wide", 2, 1536);
  const auto train_wide = [&](const char* adapter, const char* iters) {
    const ProgramResult result =
        run({"lora", "--model", "wide", "--train", "--fine-tune-type", "full", "--iters", iters,
             "--batch-size", "1", "--val-batches", "1", "--adapter-file", adapter});
    EXPECT_EQ(result.code, 0) << result.err;
    return result.peak_memory;
  };
  const size_t whole = train_wide("whole.npz", "4");
  train_wide("part.npz", "2");
  const ProgramResult resumed = run({"lora", "--resume", "part.npz", "--iters", "4"});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  const size_t moments =
      fs::file_size(folder_ / "part.checkpoints/step-000004/training.safetensors");
  ASSERT_GT(moments, size_t{80} << 20);
  EXPECT_LT(resumed.peak_memory, whole + moments / 2);
}

}  // namespace
}  // namespace graft::testing
