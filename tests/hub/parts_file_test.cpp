#include "graft/hub/parts_file.h"

#include <gtest/gtest.h>

#include "graft/base/atomic_file.h"
#include "graft/base/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::hub {
namespace {

using testing::TempFolder;

TEST(PartsFile, ArrivesInAnyOrder) {
  TempFolder folder;
  PartsFile file(folder / "blob", 10, 4);
  ASSERT_EQ(file.parts(), 3u);
  EXPECT_EQ(file.end(2), 10u);
  file.append(2, "89");
  file.append(0, "01");
  EXPECT_EQ(file.prefix(), 2u);
  file.append(0, "23");
  EXPECT_EQ(file.prefix(), 4u);
  file.append(1, "4567");
  EXPECT_EQ(file.prefix(), 10u);
  EXPECT_EQ(file.all_done(), 10u);
  EXPECT_FALSE(fs::exists(folder / "blob"));
  file.commit();
  EXPECT_EQ(read_text(folder / "blob"), "0123456789");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(PartsFile, GoesOnWhereAnotherStopped) {
  TempFolder folder;
  {
    PartsFile file(folder / "blob", 10, 4);
    file.append(0, "0123");
    file.append(1, "45");
  }
  PartsFile file(folder / "blob", 10, 4);
  EXPECT_EQ(file.done(0), 4u);
  EXPECT_EQ(file.done(1), 2u);
  EXPECT_EQ(file.done(2), 0u);
  file.append(1, "67");
  file.append(2, "89");
  file.commit();
  EXPECT_EQ(read_text(folder / "blob"), "0123456789");
}

TEST(PartsFile, BeginsAnewWhereNotesDoNotFit) {
  TempFolder folder;
  const auto begun = [&] {
    PartsFile file(folder / "blob", 10, 4);
    file.append(0, "0123");
    file.append(1, "4567");
  };
  begun();
  EXPECT_EQ(PartsFile(folder / "blob", 11, 4).all_done(), 0u);
  begun();
  fs::resize_file(folder / "blob.incomplete", 20);
  EXPECT_EQ(PartsFile(folder / "blob", 10, 5).all_done(), 0u);
  begun();
  fs::resize_file(folder / "blob.incomplete", 7);  // the notes say 8
  EXPECT_EQ(PartsFile(folder / "blob", 10, 4).all_done(), 0u);
  begun();
  write_text(folder / "blob.incomplete.parts", "nonsense");
  EXPECT_EQ(PartsFile(folder / "blob", 10, 4).all_done(), 0u);
  begun();
  fs::remove(folder / "blob.incomplete");
  EXPECT_EQ(PartsFile(folder / "blob", 10, 4).all_done(), 0u);
  // More than a part can have.
  fs::resize_file(folder / "blob.incomplete", 20);
  const uint64_t notes[] = {10, 4, 4, 9, 0};
  write_text(folder / "blob.incomplete.parts",
             {reinterpret_cast<const char*>(notes), sizeof notes});
  EXPECT_EQ(PartsFile(folder / "blob", 10, 4).all_done(), 0u);
}

TEST(PartsFile, TakesNoMoreThanItHas) {
  TempFolder folder;
  PartsFile file(folder / "blob", 10, 4);
  testing::expect_error([&] { file.append(0, "01234"); }, "more bytes than it has");
  PartsFile empty(folder / "empty", 0, 4);
  EXPECT_EQ(empty.parts(), 1u);
  empty.commit();
  EXPECT_EQ(read_text(folder / "empty"), "");
}

TEST(PartsFile, IsNotWrittenThroughALink) {
  TempFolder folder;
  write_text(folder / "precious", "x");
  fs::create_symlink(folder / "precious", folder / "blob.incomplete");
  testing::expect_error([&] { PartsFile(folder / "blob", 10, 4); }, "cannot write");
  EXPECT_EQ(read_text(folder / "precious"), "x");
}

}  // namespace
}  // namespace graft::hub
