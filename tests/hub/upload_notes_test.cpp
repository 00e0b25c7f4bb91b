#include "graft/hub/upload_notes.h"

#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace graft::hub {
namespace {

using testing::TempFolder;

constexpr uint64_t kSize = 25;

class UploadNotesTest : public ::testing::Test {
 protected:
  UploadNotes begin() const {
    return UploadNotes::begin(path_, "abc", kSize,
                              {10, "https://x/complete", "https://x/verify", {"p1", "p2", "p3"}});
  }
  TempFolder folder_;
  fs::path path_ = folder_ / "uploads/note.json";
};

TEST_F(UploadNotesTest, TellTheNextProcessWhatTheServerHas) {
  EXPECT_FALSE(UploadNotes::find(path_, "abc", kSize));
  begin().set_etag(1, "\"etag\"");
  const auto found = UploadNotes::find(path_, "abc", kSize);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->plan().complete, "https://x/complete");
  EXPECT_EQ(found->plan().verify, "https://x/verify");
  EXPECT_EQ(found->plan().parts, (std::vector<std::string>{"p1", "p2", "p3"}));
  EXPECT_EQ(found->etag(0) + found->etag(2), "");
  EXPECT_EQ(found->etag(1), "\"etag\"");
  EXPECT_EQ(fs::status(path_.parent_path()).permissions(), fs::perms::owner_all);
}

TEST_F(UploadNotesTest, OfAnotherFileOrDamagedAreNone) {
  begin();
  EXPECT_FALSE(UploadNotes::find(path_, "abd", kSize));
  EXPECT_FALSE(UploadNotes::find(path_, "abc", kSize + 1));
  const std::string good = testing::read_bytes(path_);
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = good;
    changed.replace(changed.find(from), from.size(), to);
    testing::write_bytes(path_, changed);
    return UploadNotes::find(path_, "abc", kSize).has_value();
  };
  EXPECT_TRUE(with("abc", "abc"));
  EXPECT_FALSE(with("\"part_size\":10", "\"part_size\":0"));
  EXPECT_FALSE(with("\"part_size\":10", "\"part_size\":100"));
  EXPECT_FALSE(with("\"part_size\":10", "\"part_size\":-10"));
  EXPECT_FALSE(with("\"parts\":[", "\"parts\":[5,"));
  EXPECT_FALSE(with("{", ""));
}

}  // namespace
}  // namespace graft::hub
