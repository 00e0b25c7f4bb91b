#include "graft/hub/upload_notes.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/temp_folder.h"

namespace graft::hub {
namespace {

using testing::TempFolder;

class UploadNotesTest : public ::testing::Test {
 protected:
  static PartsPlan plan() {
    return {10, "https://x/complete", {"https://x/1", "https://x/2", "https://x/3"}};
  }
  UploadNotes begin() const { return UploadNotes::begin(of_, plan(), "https://x/verify"); }
  void set_age(int hours) const {
    fs::last_write_time(path_, fs::file_time_type::clock::now() - std::chrono::hours(hours));
  }
  TempFolder folder_;
  fs::path path_ = folder_ / "uploads/note.json";
  UploadNotes::Of of_{path_, "https://hub", "abc", 25};
};

TEST_F(UploadNotesTest, TellTheNextProcessWhatTheServerHas) {
  EXPECT_FALSE(UploadNotes::find(of_));
  begin().set_etag(1, "\"etag\"");
  const auto found = UploadNotes::find(of_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->plan().complete, plan().complete);
  EXPECT_EQ(found->plan().parts, plan().parts);
  EXPECT_EQ(found->verify(), "https://x/verify");
  EXPECT_EQ(found->etag(0) + found->etag(2), "");
  EXPECT_EQ(found->etag(1), "\"etag\"");
  EXPECT_EQ(found->parts_there(), 1u);
  EXPECT_EQ(fs::status(path_.parent_path()).permissions(), fs::perms::owner_all);
}

TEST_F(UploadNotesTest, OfAnotherFileOrHubAreNone) {
  begin();
  UploadNotes::Of other = of_;
  other.oid = "abd";
  EXPECT_FALSE(UploadNotes::find(other));
  other = of_;
  other.size = 26;
  EXPECT_FALSE(UploadNotes::find(other));
  other = of_;
  other.endpoint = "https://mirror";
  EXPECT_FALSE(UploadNotes::find(other));
}

TEST_F(UploadNotesTest, DamagedOnesAreNone) {
  begin();
  const std::string good = testing::read_bytes(path_);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = good;
    changed.replace(changed.find(from), from.size(), to);
    testing::write_bytes(path_, changed);
    return UploadNotes::find(of_).has_value();
  };
  EXPECT_TRUE(with("abc", "abc"));
  EXPECT_FALSE(with("\"part_size\":10", "\"part_size\":0"));
  EXPECT_FALSE(with("\"part_size\":10", "\"part_size\":100"));
  EXPECT_FALSE(with("\"part_size\":10", "\"part_size\":-10"));
  EXPECT_FALSE(with("\"parts\":[", "\"parts\":[5,"));
  EXPECT_FALSE(with("https://x/2", "http://x/2"));
  EXPECT_FALSE(with("https://x/complete", ""));
  EXPECT_FALSE(with("{", ""));
}

// The addresses in them run out.
TEST_F(UploadNotesTest, OldOnesAreNoneAndAreRemoved) {
  begin();
  set_age(23);
  EXPECT_TRUE(UploadNotes::find(of_));
  set_age(25);
  EXPECT_FALSE(UploadNotes::find(of_));
  UploadNotes::Of other = of_;
  other.path = folder_ / "uploads/other.json";
  UploadNotes::begin(other, plan(), {});
  EXPECT_TRUE(fs::exists(path_));
  set_age(24 * 8);
  UploadNotes::begin(other, plan(), {});
  EXPECT_FALSE(fs::exists(path_));
  EXPECT_TRUE(fs::exists(other.path));
}

// They are a convenience: a full disk does not end an upload.
TEST_F(UploadNotesTest, ThatCannotBeWrittenAreDoneWithout) {
  testing::write_bytes(folder_ / "uploads", "a file in the way");
  UploadNotes notes = begin();
  notes.set_etag(0, "x");
  EXPECT_EQ(notes.parts_there(), 1u);
  notes.discard();
}

}  // namespace
}  // namespace graft::hub
