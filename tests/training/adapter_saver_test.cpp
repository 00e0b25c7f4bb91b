#include "graft/training/adapter_saver.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace graft::training
