#include "graft/hub/local_file.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::hub {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::write_bytes;

class LocalFiles : public ::testing::Test {
 protected:
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const LocalFile& file : files_of(folder_.path())) all.push_back(file.name());
    return all;
  }
  TempFolder folder_;
};

TEST_F(LocalFiles, AreThoseOfAFolderWithoutWhatIsHidden) {
  fs::create_directories(folder_ / "sub/deep");
  fs::create_directories(folder_ / ".git");
  write_bytes(folder_ / "sub/deep/b.json", "b");
  write_bytes(folder_ / "a.json", "a");
  write_bytes(folder_ / ".git/config", "secret");
  write_bytes(folder_ / ".hidden", "secret");
  // The files of a snapshot in the Hub's cache are links; a link to a folder may lead anywhere.
  fs::create_symlink("a.json", folder_ / "link.json");
  fs::create_directory_symlink("/etc", folder_ / "etc");
  fs::create_symlink("nowhere", folder_ / "dangling");
  EXPECT_EQ(names(), (std::vector<std::string>{"a.json", "link.json", "sub/deep/b.json"}));
}

TEST_F(LocalFiles, OfNoFolderOrAnEmptyOneAreAnError) {
  expect_error([&] { names(); }, "there is no file");
  expect_error([&] { files_of(folder_ / "absent"); }, "there is no file");
  for (const char* name : {"line\nbreak", "latin\xE9", "control\xC2\x9B", "back\\slash"}) {
    write_bytes(folder_ / name, "");
    expect_error([&] { names(); }, "cannot have a file of this name");
    fs::remove(folder_ / name);
  }
  write_bytes(folder_ / "caf\xC3\xA9", "");
  EXPECT_EQ(names().size(), 1u);
}

TEST_F(LocalFiles, AreReadAndHashedInPieces) {
  const std::string bytes(3'000'000, 'x');
  write_bytes(folder_ / "a", bytes);
  const LocalFile file("a", folder_ / "a"), text("a", bytes);
  EXPECT_EQ(file.size(), bytes.size());
  EXPECT_EQ(file.bytes(2'999'990, 10), "xxxxxxxxxx");
  uint64_t last = 0;
  const auto tick = [&](uint64_t done) { last = done; };
  // sha256sum and git hash-object.
  EXPECT_EQ(file.hash(HashKind::sha256, tick),
            "e55b8bdf621ddaa8f462c74745db9680d3bb7536a9cf854f8d6668b34a287890");
  EXPECT_EQ(file.hash(HashKind::git, tick), "42ec5fc0f485f764cdf0eaa85ab061c055f5f518");
  EXPECT_EQ(text.hash(HashKind::git, tick), file.hash(HashKind::git, tick));
  EXPECT_EQ(last, bytes.size());
  EXPECT_EQ(LocalFile("e", std::string()).hash(HashKind::git, tick),
            "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  write_bytes(folder_ / "a", "short");
  expect_error([&] { file.hash(HashKind::sha256, tick); }, "became shorter");
}

}  // namespace
}  // namespace graft::hub
