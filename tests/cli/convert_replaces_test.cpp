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

// Whether forced or not: what graft did not write and no model consists of.
TEST_F(ConvertReplaces, NothingThatIsNotAModelsFile) {
  ASSERT_EQ(convert({"--mlx-path", "precious"}).code, 0);
  const std::vector<std::string> others = {"NOTES.md", "adapters.npz", "adapters.safetensors",
                                           "train.py", ".hidden",      ".git"};
  for (const std::string& name : others) {
    if (name == ".git") {
      fs::create_directory(folder_ / "precious/.git");
    } else {
      write(("precious/" + name).c_str(), "a year's work");
    }
    const auto before = files();
    const std::string says = "precious holds " + name + ", which graft did not write";
    expect_refused(convert({"--mlx-path", "precious"}), 2, says.c_str());
    expect_refused(convert({"--mlx-path", "precious", "--force"}), 2, says.c_str());
    expect_files(before);
    fs::remove(folder_ / "precious" / name);
  }
}

TEST_F(ConvertReplaces, AnotherToolsModelOnlyByForce) {
  fs::copy(folder_ / "model", folder_ / "other");
  auto before = files();
  expect_refused(convert({"--mlx-path", "other"}), 2, "give --force to replace the model there");
  expect_files(before);
  ASSERT_EQ(convert({"--mlx-path", "other", "--force"}).code, 0);
  EXPECT_EQ(test_loss({"--model", "other"}), test_loss({"--model", "model"}));
}

TEST_F(ConvertReplaces, NoFile) {
  write("precious", "a year's work");
  auto before = files();
  for (const char* more : {"-q", "--force"}) {
    expect_refused(convert({"--mlx-path", "precious", more}), 2,
                   "precious exists and is not a folder");
  }
  expect_files(before);
}

TEST_F(ConvertReplaces, EarlierModelAndEmptyFolderUnasked) {
  fs::create_directory(folder_ / "out");
  ASSERT_EQ(convert({"--mlx-path", "out"}).code, 0);
  std::string dense = read_bytes(folder_ / "out" / "model.safetensors");
  ASSERT_EQ(convert({"--mlx-path", "out/", "-q", "--q-group-size", "32"}).code, 0);
  EXPECT_LT(fs::file_size(folder_ / "out" / "model.safetensors"), dense.size());
}

// The adapter that is fused lies in the folder that would be replaced.
TEST_F(ConvertReplaces, NoAdapterThatIsFused) {
  ASSERT_EQ(convert({"--mlx-path", "out"}).code, 0);
  ASSERT_EQ(run({"lora", "--model", "model", "--data", "data", "--train", "--iters", "1",
                 "--adapter-file", "out/adapters.npz"})
                .code,
            0);
  auto before = files();
  expect_refused(run({"fuse", "--model", "model", "--adapter-file", "out/adapters.npz",
                      "--save-path", "out", "--force"}),
                 2, "out holds adapters.");
  expect_files(before);
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
