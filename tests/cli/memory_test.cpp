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

}  // namespace
}  // namespace graft::testing
