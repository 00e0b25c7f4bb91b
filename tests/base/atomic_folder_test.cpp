#include "graft/base/atomic_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "graft/base/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft {
namespace {

using testing::expect_error;
using testing::names_in;
using testing::read_bytes;
using testing::TempFolder;
using testing::write_bytes;

using Names = std::vector<std::string>;

// Replaces a folder of "a" and "b" and nothing else.
Names only_a_and_b(const fs::path& earlier) {
  const Names names = names_in(earlier);
  for (const std::string& name : names) {
    if (name != "a" && name != "b") fail_usage("{} is in the way", name);
  }
  return names;
}

void make(const fs::path& path, std::string_view text) {
  fs::create_directories(path);
  write_bytes(path / "a", text);
}

TEST(AtomicFolder, ReplacesOnlyWhatItMay) {
  TempFolder folder;
  make(folder / "out", "earlier");
  write_bytes(folder / "out/precious.txt", "x");
  expect_error<UsageError>([&] { AtomicFolder(folder / "out", only_a_and_b); }, "precious.txt");
  EXPECT_EQ(names_in(folder / "out"), (Names{"a", "precious.txt"}));
  EXPECT_EQ(names_in(folder.path()), Names{"out"});

  fs::remove(folder / "out/precious.txt");
  AtomicFolder output(folder / "out/", only_a_and_b);
  write_bytes(output.path() / "b", "new");
  EXPECT_EQ(names_in(folder / "out"), Names{"a"});
  output.commit();
  EXPECT_EQ(names_in(folder / "out"), Names{"b"});
}

TEST(AtomicFolder, LeavesNoTrace) {
  TempFolder folder;
  { AtomicFolder output(folder / "out/", only_a_and_b); }
  EXPECT_EQ(names_in(folder.path()), Names{});
  make(folder / "out", "earlier");
  for (int i = 0; i < 2; ++i) {
    AtomicFolder output(folder / "out", only_a_and_b);
    write_bytes(output.path() / "a", "new");
    output.commit();
  }
  EXPECT_EQ(names_in(folder.path()), Names{"out"});
}

// While it was made, somebody put a file into the earlier folder.
TEST(AtomicFolder, LooksAgainBeforeItReplaces) {
  TempFolder folder;
  make(folder / "out", "earlier");
  {
    AtomicFolder output(folder / "out", only_a_and_b);
    write_bytes(output.path() / "a", "new");
    write_bytes(folder / "out/notes", "x");
    expect_error<UsageError>([&] { output.commit(); }, "notes");
  }
  EXPECT_EQ(names_in(folder / "out"), (Names{"a", "notes"}));
  EXPECT_EQ(read_bytes(folder / "out/a"), "earlier");
}

TEST(AtomicFolder, TakesAnEmptyFolderAndMakesParents) {
  TempFolder folder;
  fs::create_directory(folder / "empty");
  for (const char* name : {"empty", "x/y/z"}) {
    AtomicFolder output(folder / name, only_a_and_b);
    write_bytes(output.path() / "f", "x");
    output.commit();
    EXPECT_TRUE(fs::exists(folder / name / "f")) << name;
  }
}

TEST(AtomicFolder, OverAFileIsRefused) {
  TempFolder folder;
  write_bytes(folder / "out", "a file");
  expect_error<UsageError>([&] { AtomicFolder(folder / "out", only_a_and_b); }, "is not a folder");
}

TEST(AtomicFolder, GoesThroughLinks) {
  TempFolder folder;
  make(folder / "disk/there", "earlier");
  fs::create_directory_symlink("disk/there", folder / "out");
  fs::create_directory_symlink("disk/new", folder / "out to nothing");
  for (const char* name : {"out", "out to nothing"}) {
    AtomicFolder output(folder / name, only_a_and_b);
    write_bytes(output.path() / "a", "new");
    output.commit();
    EXPECT_TRUE(fs::is_symlink(folder / name));
    EXPECT_EQ(read_bytes(folder / name / "a"), "new");
  }
  EXPECT_EQ(names_in(folder / "disk"), (Names{"new", "there"}));
}

TEST(AtomicFolder, KeepsThePermissionsOfWhatItReplaces) {
  TempFolder folder;
  make(folder / "out", "earlier");
  ASSERT_EQ(::chmod((folder / "out").c_str(), 0750), 0);
  AtomicFolder output(folder / "out", only_a_and_b);
  output.commit();
  struct stat status {};
  ASSERT_EQ(::stat((folder / "out").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750u);
}

// Who reads does not come between the steps of who writes.
TEST(AtomicFolder, IsNotPutBackByAReaderWhileItIsWritten) {
  TempFolder folder;
  make(set_aside(folder / "out"), "earlier");
  {
    const TargetLock lock(folder / "out");
    recover_idle_folder(folder / "out");
    EXPECT_FALSE(fs::exists(folder / "out"));
  }
  recover_idle_folder(folder / "out/");
  EXPECT_EQ(read_bytes(folder / "out/a"), "earlier");
  EXPECT_EQ(names_in(folder.path()), Names{"out"});
}

TEST(AtomicFolder, HasOneWriter) {
  TempFolder folder;
  AtomicFolder output(folder / "out", only_a_and_b);
  expect_error([&] { AtomicFolder(folder / "out/", only_a_and_b); }, "being written by process");
}

// Where two folders cannot be exchanged at once.
TEST(AtomicFolder, ExchangesInTwoSteps) {
  TempFolder folder;
  make(folder / "made", "new");
  make(folder / "out", "earlier");
  exchange_folders_in_two_steps(folder / "made", folder / "out");
  EXPECT_EQ(read_bytes(folder / "out/a"), "new");
  EXPECT_EQ(read_bytes(folder / "made/a"), "earlier");
  expect_error([&] { exchange_folders_in_two_steps(folder / "missing", folder / "out"); },
               "cannot replace");
  EXPECT_EQ(read_bytes(folder / "out/a"), "new");
  EXPECT_EQ(names_in(folder.path()), (Names{"made", "out"}));
}

TEST(AtomicFolder, ComesBackAfterACrashBetweenTheTwoSteps) {
  TempFolder folder;
  make(set_aside(folder / "out"), "earlier");
  recover_folder(folder / "out");
  EXPECT_EQ(names_in(folder.path()), Names{"out"});
  EXPECT_EQ(read_bytes(folder / "out/a"), "earlier");

  for (const char* kept : {"out.earlier", "out.earlier.2"}) {  // a crash after them
    make(set_aside(folder / "out"), kept);
    recover_folder(folder / "out");
    EXPECT_EQ(read_bytes(folder / "out/a"), "earlier");
    EXPECT_EQ(read_bytes(folder / kept / "a"), kept);
  }
}

}  // namespace
}  // namespace graft
