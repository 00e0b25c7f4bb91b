// The library names its options, the program its flags.

#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class Flags : public ProgramTest {};

TEST_F(Flags, StandForTheLibrarysOptions) {
  expect_refused(train({"--lora-layers", "9"}), 2, "--lora-layers 9 is more than");
  expect_refused(train({"--lora-keys", "nope"}), 2, "--lora-keys: 'nope'");
  fs::create_directory(folder_ / "precious");
  write("precious/config.json", "{}");
  expect_refused(run({"convert", "--hf-path", "model", "--mlx-path", "precious"}), 2,
                 "give --force to replace the model there, or name another --mlx-path");
  expect_refused(run({"convert", "--hf-path", "model", "-q", "--q-group-size", "31"}), 2,
                 "--q-group-size is 31");
  ASSERT_EQ(
      run({"convert", "--hf-path", "model", "--mlx-path", "q", "-q", "--q-group-size", "32"}).code,
      0);
  expect_refused(run({"convert", "--hf-path", "q", "--mlx-path", "r", "-q"}), 2,
                 "convert it with --dequantize first");
  ProgramResult same = run({"convert", "--hf-path", "model", "--mlx-path", "s", "--dequantize"});
  EXPECT_NE(same.err.find("--dequantize changes nothing"), std::string::npos) << same.err;
  same = run({"convert", "--hf-path", "q", "--mlx-path", "t", "--de-quantize"});
  EXPECT_EQ(same.code, 0) << same.err;
  expect_refused(run({"convert", "--hf-path", "model", "-q", "--q-mode", "fp4"}), 2,
                 "--q-mode is fp4, expected affine, mxfp4, mxfp8 or nvfp4");
  expect_refused(run({"convert", "--hf-path", "model", "-q", "--quant-predicate", "best"}), 2,
                 "--quant-predicate is best, expected mixed_2_6");
}

// A backquote that names no option stays.
TEST_F(Flags, OtherBackquotesStay) {
  expect_refused(run({"convert", "--hf-path", "a`force"}), 1, "a`force");
  expect_refused(run({"convert", "--hf-path", "`x`/y"}), 1, "`x`/y");
}

}  // namespace
}  // namespace graft::testing
