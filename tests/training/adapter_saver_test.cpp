#include "graft/training/adapter_saver.h"

#include <gtest/gtest.h>

#include "graft/training/checkpoint.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::training {
namespace {

TEST(AdapterSaver, HasOneWriter) {
  testing::TempFolder folder;
  {
    const AdapterSaver one(folder / "a.npz", {});
    fs::create_symlink("a.npz", folder / "link.npz");
    for (const char* name : {"a.npz", "link.npz"}) {
      testing::expect_error([&] { AdapterSaver(folder / name, {}); },
                            "a.npz is being written by process");
    }
  }
  EXPECT_EQ(testing::names_in(folder.path()), std::vector<std::string>{"link.npz"});
}

// The checkpoints of a.npz are where those of a.safetensors are.
TEST(Checkpoints, HaveOneWriter) {
  const testing::TempFolder folder;
  const Checkpoints one(folder / "a.npz", 1, {});
  testing::expect_error([&] { Checkpoints(folder / "a.safetensors", 1, {}); },
                        "a.checkpoints is being written by process");
  const Checkpoints other(folder / "b.npz", 1, {});
}

}  // namespace
}  // namespace graft::training
