#include "graft/base/files.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft {
namespace {

using testing::expect_error;
using testing::read_bytes;
using testing::TempFolder;
using testing::write_bytes;

TEST(ReadText, RefusesWhatIsTooLarge) {
  TempFolder folder;
  write_bytes(folder / "a", std::string(100, 'x'));
  EXPECT_EQ(read_text(folder / "a").size(), 100u);
  expect_error([&] { read_text(folder / "a", 99); }, "larger than 99 bytes");
}

TEST(LiesWithin, SeesThroughLinksAndDots) {
  TempFolder folder;
  fs::create_directories(folder / "a/b");
  fs::create_directory_symlink(folder / "a", folder / "link");
  EXPECT_TRUE(lies_within(folder / "a", folder / "a/"));
  EXPECT_TRUE(lies_within(folder / "a/b/f.gguf", folder / "link"));
  EXPECT_TRUE(lies_within(folder / "link/b", folder / "a/x/.."));
  EXPECT_FALSE(lies_within(folder / "a", folder / "a/b"));
  EXPECT_FALSE(lies_within(folder / "ab", folder / "a"));
}

}  // namespace
}  // namespace graft
