#include <gtest/gtest.h>

#include "graft/io/safetensors.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_folder.h"

namespace graft::io {
namespace {

using testing::expect_error;
using testing::TempFolder;

TEST(SafetensorsFullDisk, LeavesTheEarlierFileWhole) {
  TempFolder folder;
  save_safetensors(folder / "a", {{"x", mx::array({1.0f, 2.0f})}});
  std::string before = testing::read_bytes(folder / "a");
  {
    testing::FileSizeLimit limit(4096);
    expect_error(
        [&] {
          save_safetensors(folder / "a", {{"x", mx::zeros({10'000})}});
        },
        "what was there before is as it was");
  }
  EXPECT_EQ(testing::read_bytes(folder / "a"), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1) << "a left-over file";
}

TEST(SafetensorsFullDisk, AFileInPlaceOfTheFolderIsNamed) {
  TempFolder folder;
  testing::write_bytes(folder / "file", "x");
  expect_error(
      [&] {
        save_safetensors(folder / "file" / "a", {{"x", mx::array({1.0f})}});
      },
      "cannot write");
}

}  // namespace
}  // namespace graft::io
