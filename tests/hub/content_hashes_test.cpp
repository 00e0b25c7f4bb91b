#include "graft/hub/content_hashes.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"

namespace graft::hub {
namespace {

// echo -n one | sha256sum, and so on.
constexpr const char* kOne = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
constexpr const char* kTwo = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";

class ContentHashesTest : public ::testing::Test {
 protected:
  std::string hash(const fs::path& file) { return ContentHashes(note_).sha256(file, told_); }

  testing::TempFolder folder_;
  fs::path note_ = folder_ / "notes/hashes.json", file_ = folder_ / "file";
  testing::RecordingFrontEnd told_;
};

TEST_F(ContentHashesTest, AFileIsReadOnceAndAgainWhenItChanges) {
  testing::write_bytes(file_, "one");
  EXPECT_EQ(hash(file_), kOne);
  EXPECT_FALSE(told_.shown.empty());
  told_.shown.clear();
  EXPECT_EQ(hash(file_), kOne);
  EXPECT_TRUE(told_.shown.empty());  // it was not read
  testing::write_bytes(file_, "two");
  fs::last_write_time(file_, fs::last_write_time(file_) + std::chrono::seconds(5));
  EXPECT_EQ(hash(file_), kTwo);
}

TEST_F(ContentHashesTest, ADamagedNoteIsEmpty) {
  testing::write_bytes(file_, "one");
  hash(file_);
  for (const char* bad : {"", "{", "[]", R"({"1:2": {"size": "x"}})", R"({"1:2": 3})"}) {
    testing::write_bytes(note_, bad);
    EXPECT_EQ(hash(file_), kOne) << bad;
  }
}

// What a note says must be a hash, whoever wrote it.
TEST_F(ContentHashesTest, WhatIsNoHashIsNotTaken) {
  testing::write_bytes(file_, "one");
  hash(file_);
  std::string note = testing::read_bytes(note_);
  note.replace(note.find(kOne), 64, "../../elsewhere");
  testing::write_bytes(note_, note);
  EXPECT_EQ(hash(file_), kOne);
}

TEST_F(ContentHashesTest, ABlobOfTheHubHasItsHashForAName) {
  const fs::path blobs = folder_ / "models--owner--name/blobs";
  fs::create_directories(blobs);
  testing::write_bytes(blobs / kTwo, "one");
  fs::create_symlink(blobs / kTwo, folder_ / "model.safetensors");
  EXPECT_EQ(hash(folder_ / "model.safetensors"), kTwo);
  EXPECT_TRUE(told_.shown.empty());
  // Elsewhere such a name says nothing.
  fs::create_directories(folder_ / "blobs");
  testing::write_bytes(folder_ / "blobs" / kTwo, "one");
  EXPECT_EQ(hash(folder_ / "blobs" / kTwo), kOne);
}

TEST_F(ContentHashesTest, WhatCannotBeReadIsAnError) {
  testing::expect_error([&] { hash(folder_ / "missing"); }, "missing");
  testing::write_bytes(file_, "one");
  told_.cancel = true;
  testing::expect_error<Cancelled>([&] { hash(file_); }, "interrupted");
}

}  // namespace
}  // namespace graft::hub
