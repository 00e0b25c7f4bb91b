#include "graft/base/mapped_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::write_bytes;

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

// A file that was written a while ago.
void write_earlier(const fs::path& path, const std::string& bytes) {
  write_bytes(path, bytes);
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
}

TEST(MappedFile, IsKnownToHaveChanged) {
  TempFolder folder;
  write_earlier(folder / "a", "some text");
  MappedFile file(folder / "a");
  file.check_unchanged();
  check_mapped_files();
  fs::rename(folder / "a", folder / "b");  // another name, and another file under the old one
  write_bytes(folder / "a", "another");
  file.check_unchanged();
  write_bytes(folder / "b", "some text");
  expect_error([&] { file.check_unchanged(); }, "a was written to while it was in use");
  expect_error([] { check_mapped_files(); }, "a was written to");
  fs::resize_file(folder / "b", 3);
  expect_error([] { check_mapped_files(); }, "a was cut off while it was in use");
}

TEST(MappedFile, ThatWasCutOffReadsAsZeros) {
  EXPECT_EXIT(
      {
        survive_cut_files();
        TempFolder folder;
        write_earlier(folder / "a", std::string(100000, 'x'));
        MappedFile file(folder / "a");
        fs::resize_file(folder / "a", 10);
        const bool zeros =
            file.text()[0] == 'x' && file.text()[99999] == 0 && file.text()[50000] == 0;
        ::_exit(zeros ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
  // What is none of a mapped file's still ends the process.
  EXPECT_EXIT(
      {
        survive_cut_files();
        std::raise(SIGBUS);
        std::raise(SIGBUS);
        ::_exit(0);
      },
      [](int status) { return status != 0; }, "");  // a sanitizer has an ending of its own
}

}  // namespace
}  // namespace graft
