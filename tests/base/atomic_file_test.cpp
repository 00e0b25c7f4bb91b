#include "graft/base/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_folder.h"

namespace graft {
namespace {

using testing::expect_error;
using testing::names_in;
using testing::read_bytes;
using testing::TempFolder;
using testing::write_bytes;

using Names = std::vector<std::string>;

mode_t permissions(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

TEST(AtomicFile, AppearsOnlyWithCommit) {
  TempFolder folder;
  {
    AtomicFile file(folder / "a");
    file.write("half");
    EXPECT_FALSE(fs::exists(folder / "a"));
  }
  EXPECT_EQ(names_in(folder.path()), Names{});
  AtomicFile file(folder / "a");
  file.write("whole");
  file.commit();
  EXPECT_EQ(read_bytes(folder / "a"), "whole");
  EXPECT_EQ(names_in(folder.path()), Names{"a"});
}

TEST(AtomicFile, LeavesTheEarlierOneWhenTheDiskIsFull) {
  TempFolder folder;
  write_bytes(folder / "a", "earlier");
  testing::FileSizeLimit limit(64);
  expect_error([&] { write_text(folder / "a", std::string(1000, 'x')); },
               {"cannot write", "what was there before is as it was"});
  EXPECT_EQ(read_bytes(folder / "a"), "earlier");
  EXPECT_EQ(names_in(folder.path()), Names{"a"});
}

TEST(AtomicFile, InAFolderThatIsMissingIsAnError) {
  TempFolder folder;
  expect_error([&] { write_text(folder / "no" / "a", "x"); }, {"cannot write", "no/a"});
}

// Two writers of a file at the same time never see each other's bytes.
TEST(AtomicFile, BelongsToItsWriterAlone) {
  TempFolder folder;
  AtomicFile one(folder / "a"), other(folder / "a");
  EXPECT_EQ(names_in(folder.path()).size(), 2u);
  one.write("1111");
  other.write("22");
  other.commit();
  EXPECT_EQ(read_bytes(folder / "a"), "22");
  one.commit();
  EXPECT_EQ(read_bytes(folder / "a"), "1111");
}

TEST(AtomicFile, OfTheLongestName) {
  TempFolder folder;
  const std::string name(255, 'n');
  write_text(folder / name, "x");
  EXPECT_EQ(names_in(folder.path()), Names{name});
}

TEST(AtomicFile, GoesThroughLinks) {
  TempFolder folder;
  fs::create_directory(folder / "disk");
  write_bytes(folder / "disk/there", "earlier");
  fs::create_symlink("disk/there", folder / "link");
  fs::create_symlink("link", folder / "link of a link");
  fs::create_symlink("disk/new", folder / "link to nothing");
  write_text(folder / "link of a link", "x");
  write_text(folder / "link to nothing", "y");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_bytes(folder / "disk/there"), "x");
  EXPECT_EQ(read_bytes(folder / "disk/new"), "y");
  EXPECT_EQ(names_in(folder / "disk"), (Names{"new", "there"}));
  fs::create_symlink("circle", folder / "circle");
  expect_error([&] { write_text(folder / "circle", "x"); }, {"circle", "links"});
}

TEST(AtomicFile, KeepsThePermissionsOfWhatItReplaces) {
  TempFolder folder;
  for (const mode_t mode : {0600, 0664, 0444}) {
    write_bytes(folder / "a", "earlier");
    ASSERT_EQ(::chmod((folder / "a").c_str(), mode), 0);
    write_text(folder / "a", "x");
    EXPECT_EQ(permissions(folder / "a"), mode);
    fs::remove(folder / "a");
  }
  const mode_t before = ::umask(027);
  write_text(folder / "new", "x");
  ::umask(before);
  EXPECT_EQ(permissions(folder / "new"), 0640u);
}

}  // namespace
}  // namespace graft
