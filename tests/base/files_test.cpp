#include "graft/base/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "graft/base/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_folder.h"

namespace graft {
namespace {

using testing::expect_error;
using testing::read_bytes;
using testing::TempFolder;
using testing::write_bytes;

size_t entries(const fs::path& folder) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(folder), {}));
}

bool is_model(const fs::path& folder) { return fs::exists(folder / "config.json"); }

TEST(MappedFile, HoldsTheBytes) {
  TempFolder folder;
  write_bytes(folder / "a", "some text");
  MappedFile file(folder / "a");
  EXPECT_EQ(file.text(), "some text");
  EXPECT_EQ(file.size(), 9u);
}

TEST(MappedFile, OfNothingIsEmpty) {
  TempFolder folder;
  write_bytes(folder / "a", "");
  EXPECT_EQ(MappedFile(folder / "a").text(), "");
}

TEST(MappedFile, ThatIsMissingOrAFolderIsNamed) {
  TempFolder folder;
  expect_error([&] { MappedFile(folder / "missing"); }, {"missing", "No such file"});
  expect_error([&] { MappedFile{folder.path()}; }, {folder.path().string(), "not a regular file"});
}

TEST(ReadText, RefusesWhatIsTooLarge) {
  TempFolder folder;
  write_bytes(folder / "a", std::string(100, 'x'));
  EXPECT_EQ(read_text(folder / "a").size(), 100u);
  expect_error([&] { read_text(folder / "a", 99); }, "larger than 99 bytes");
}

TEST(AtomicFile, AppearsOnlyWithCommit) {
  TempFolder folder;
  {
    AtomicFile file(folder / "a");
    file.write("half");
    EXPECT_FALSE(fs::exists(folder / "a"));
  }
  EXPECT_EQ(entries(folder.path()), 0u);
  AtomicFile file(folder / "a");
  file.write("whole");
  file.commit();
  EXPECT_EQ(read_bytes(folder / "a"), "whole");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, LeavesTheEarlierOneWhenTheDiskIsFull) {
  TempFolder folder;
  write_bytes(folder / "a", "earlier");
  testing::FileSizeLimit limit(64);
  expect_error([&] { write_text(folder / "a", std::string(1000, 'x')); },
               {"cannot write", "what was there before is as it was"});
  EXPECT_EQ(read_bytes(folder / "a"), "earlier");
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFile, InAFolderThatIsMissingIsAnError) {
  TempFolder folder;
  expect_error([&] { write_text(folder / "no" / "a", "x"); }, {"cannot write", "no/a"});
}

TEST(AtomicFolder, ReplacesOnlyWhatIsRecognized) {
  TempFolder folder;
  fs::path target = folder / "model";
  fs::create_directory(target);
  write_bytes(target / "precious.txt", "x");
  expect_error<UsageError>([&] { AtomicFolder(target, is_model); }, {"model", "`force`"});
  EXPECT_TRUE(fs::exists(target / "precious.txt"));

  write_bytes(target / "config.json", "{}");
  AtomicFolder output(target, is_model);
  write_bytes(output.path() / "config.json", "new");
  EXPECT_TRUE(fs::exists(target / "precious.txt"));
  output.commit();
  EXPECT_EQ(read_bytes(target / "config.json"), "new");
  EXPECT_FALSE(fs::exists(target / "precious.txt"));
  EXPECT_EQ(entries(folder.path()), 1u);
}

TEST(AtomicFolder, LeavesNothingWithoutCommit) {
  TempFolder folder;
  { AtomicFolder output(folder / "model/", is_model); }
  EXPECT_EQ(entries(folder.path()), 0u);
}

TEST(AtomicFolder, TakesAnEmptyFolderAndMakesParents) {
  TempFolder folder;
  fs::create_directory(folder / "empty");
  for (const char* name : {"empty", "a/b/c"}) {
    AtomicFolder output(folder / name, is_model);
    write_bytes(output.path() / "f", "x");
    output.commit();
    EXPECT_TRUE(fs::exists(folder / name / "f")) << name;
  }
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
