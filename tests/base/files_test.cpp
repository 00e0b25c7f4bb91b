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

TEST(EntriesOf, AreSortedAndHiddenOnesAreAmongThem) {
  TempFolder folder;
  EXPECT_TRUE(entries_of(folder / "absent").empty());
  write_bytes(folder / "b", "");
  write_bytes(folder / ".c", "");
  fs::create_directory(folder / "a");
  EXPECT_EQ(entries_of(folder.path()),
            (std::vector<fs::path>{folder / ".c", folder / "a", folder / "b"}));
}

TEST(EntriesOf, WhatCannotBeReadIsAnErrorThatNamesIt) {
  TempFolder folder;
  write_bytes(folder / "file", "");
  expect_error([&] { entries_of(folder / "file"); }, {"cannot read the folder", "file"});
  const fs::path too_long = folder / std::string(300, 'x');
  expect_error([&] { entries_of(too_long); }, "cannot read the folder");
  std::error_code error;
  EXPECT_TRUE(entries_of(too_long, error).empty());
  EXPECT_TRUE(static_cast<bool>(error));
  EXPECT_TRUE(entries_of(folder / "absent", error).empty());
  EXPECT_FALSE(is_there(too_long));
  EXPECT_FALSE(is_folder(too_long));
  EXPECT_FALSE(is_file(too_long));
  EXPECT_TRUE(is_file(folder / "file"));
  EXPECT_TRUE(is_folder(folder.path()));
}

TEST(AbsolutePath, IsFromTheRootOn) {
  EXPECT_EQ(absolute_path("/a/b"), "/a/b");
  EXPECT_EQ(absolute_path("a"), fs::current_path() / "a");
  expect_error([] { absolute_path(""); }, "cannot tell where");
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
