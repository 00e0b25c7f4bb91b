// What `graft convert` replaces, and what it does not.

#include <gtest/gtest.h>

#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class ConvertReplaces : public ProgramTest {
 protected:
  ProgramResult convert(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"convert", "--hf-path", "model"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
};

TEST_F(ConvertReplaces, FolderThatIsNoModelOnlyByForce) {
  fs::create_directories(folder_ / "precious/deep");
  write("precious/notes.txt", "a year's work");
  write("precious/deep/.hidden", "more");
  auto before = files();
  expect_refused(convert({"--mlx-path", "precious"}), 2,
                 "precious exists and is not a model folder");
  expect_refused(convert({"--mlx-path", "precious", "-q", "--q-group-size", "32"}), 2, "--force");
  expect_files(before);

  ASSERT_EQ(convert({"--mlx-path", "precious", "--force"}).code, 0);
  auto after = files();
  EXPECT_EQ(after.count("precious/notes.txt") + after.count("precious/deep"), 0u);
  // The new folder is all that there is besides what was.
  for (const auto& [name, bytes] : after) {
    EXPECT_TRUE(before.count(name) > 0 || name.starts_with("precious/")) << name;
  }
  EXPECT_EQ(test_loss({"--model", "precious"}), test_loss({"--model", "model"}));
}

TEST_F(ConvertReplaces, FileOnlyByForce) {
  write("precious", "a year's work");
  auto before = files();
  expect_refused(convert({"--mlx-path", "precious"}), 2, "--force");
  expect_files(before);
  ASSERT_EQ(convert({"--mlx-path", "precious", "--force"}).code, 0);
  EXPECT_EQ(test_loss({"--model", "precious"}), test_loss({"--model", "model"}));
}

// A config.json alone may be anything's.
TEST_F(ConvertReplaces, FolderWithAConfigAloneOnlyByForce) {
  fs::create_directories(folder_ / "precious");
  write("precious/config.json", "{}");
  auto before = files();
  expect_refused(convert({"--mlx-path", "precious"}), 2, "--force");
  expect_files(before);
}

TEST_F(ConvertReplaces, EarlierModelAndEmptyFolderUnasked) {
  fs::create_directory(folder_ / "out");
  ASSERT_EQ(convert({"--mlx-path", "out"}).code, 0);
  std::string dense = read_bytes(folder_ / "out" / "model.safetensors");
  write("out/stale.txt", "of the model before");
  ASSERT_EQ(convert({"--mlx-path", "out/", "-q", "--q-group-size", "32"}).code, 0);
  EXPECT_LT(fs::file_size(folder_ / "out" / "model.safetensors"), dense.size());
  EXPECT_FALSE(fs::exists(folder_ / "out" / "stale.txt"));
}

TEST_F(ConvertReplaces, ItsOwnSourceNever) {
  fs::create_directory_symlink("model", folder_ / "link");
  auto before = files();
  for (const char* target : {"model", "./model/", "link", "."}) {
    expect_refused(convert({"--mlx-path", target, "--force"}), 2, "--mlx-path");
    expect_refused(convert({"--mlx-path", target}), 2, "would replace the model");
  }
  expect_files(before);
}

}  // namespace
}  // namespace graft::testing
