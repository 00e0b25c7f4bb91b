#include "graft/trunk/cached_trunks.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>

#include "graft/trunk/row_file.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::trunk {
namespace {

class CachedTrunksTest : public ::testing::Test {
 protected:
  // A file of about so many bytes, used at a time.
  fs::path make(const std::string& contents, size_t bytes, time_t used) {
    const TrunkIdentity identity{.model = contents, .contents = contents, .layers = 3};
    const fs::path path = folder_ / identity.file_name();
    {
      RowFile file(path, identity.text());
      file.append(key_of(std::vector<int32_t>{1}), std::vector<std::byte>(bytes));
    }
    note_model(path, identity.model);
    for (const fs::path& each : {path, fs::path(path).replace_extension(".json")}) {
      const timespec times[] = {{used, 0}, {used, 0}};
      ::utimensat(AT_FDCWD, each.c_str(), times, 0);
    }
    return path;
  }
  std::set<std::string> models() const {
    std::set<std::string> all;
    for (const auto& one : cached_trunks(folder_.path())) all.insert(one.of);
    return all;
  }

  testing::TempFolder folder_;
};

TEST_F(CachedTrunksTest, AllThatDecidesTheRowsDecidesTheName) {
  const TrunkIdentity one{
      .model = "a", .contents = "c", .layers = 3, .width = 8, .dtype = "float32"};
  TrunkIdentity same = one;
  same.model = "b";
  EXPECT_EQ(same.file_name(), one.file_name());
  std::set<std::string> names = {one.file_name()};
  const auto with = [&](auto change) {
    TrunkIdentity other = one;
    change(other);
    names.insert(other.file_name());
  };
  with([](auto& o) { o.contents = "d"; });
  with([](auto& o) { o.layers = 4; });
  with([](auto& o) { o.width = 9; });
  with([](auto& o) { o.dtype = "bfloat16"; });
  with([](auto& o) { o.bits = 8; });
  with([](auto& o) { o.instructions = "avx2"; });
  EXPECT_EQ(names.size(), 7u);
  EXPECT_NE(one.text().find("\"forward\""), std::string::npos);
}

TEST_F(CachedTrunksTest, AreListedAndRemoved) {
  make("first", 1000, 100);
  make("second", 2000, 200);
  testing::write_bytes(folder_ / "mine.rows", "not graft's");
  // Names such as graft's, in a folder that is somebody's own.
  const std::string theirs(32, 'a'), alone(32, 'b');
  testing::write_bytes(folder_ / (theirs + ".rows"), "rows of another program");
  testing::write_bytes(folder_ / (theirs + ".json"), "{}");
  testing::write_bytes(folder_ / (alone + ".json"), "{}");
  const auto all = cached_trunks(folder_.path());
  ASSERT_EQ(all.size(), 2u);
  for (const auto& one : all) {
    EXPECT_EQ(one.name.size(), 14u);
    EXPECT_EQ(one.name.substr(0, 6), "trunk/");
    EXPECT_EQ(one.last_use, one.of == "first" ? 100 : 200);
    EXPECT_GT(one.bytes, one.of == "first" ? 1000u : 2000u);
    hub::remove_cached(one);
  }
  make_room(folder_.path(), {}, 1000, 10);
  EXPECT_EQ(
      testing::names_in(folder_.path()),
      (std::vector<std::string>{theirs + ".json", theirs + ".rows", alone + ".json", "mine.rows"}));
}

TEST_F(CachedTrunksTest, TheLongestUnusedGoFirst) {
  const fs::path old = make("old", 10000, 100);
  make("newer", 10000, 200);
  make("newest", 10000, 300);
  make_room(folder_.path(), {}, 1000, 40000);
  EXPECT_EQ(models().size(), 3u);
  make_room(folder_.path(), old, 1000, 25000);
  EXPECT_EQ(models(), (std::set<std::string>{"old", "newest"}));
  make_room(folder_.path(), old, 1000, 5000);
  EXPECT_EQ(models(), (std::set<std::string>{"old"}));
}

TEST_F(CachedTrunksTest, TheFolderIsItsOwnersAlone) {
  const fs::path folder = folder_ / "a/b";
  make_trunk_folder(folder);
  make_trunk_folder(folder);
  struct stat facts {};
  ASSERT_EQ(::stat(folder.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777u, 0700u);
  ::chmod(folder.c_str(), 0770);
  testing::expect_error([&] { make_trunk_folder(folder); }, "others may write");
  testing::write_bytes(folder_ / "file", "");
  testing::expect_error([&] { make_trunk_folder(folder_ / "file"); }, "is no folder");
  testing::expect_error([&] { make_trunk_folder(folder_ / "file/inside"); }, "cannot make");
}

}  // namespace
}  // namespace graft::trunk
