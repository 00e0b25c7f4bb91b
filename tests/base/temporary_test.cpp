#include "graft/base/temporary.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "graft/base/target_lock.h"
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

const char* const kDead = ".graft-0123456789abcdef.partial";
const char* const kDeadFolder = ".graft-00000000000000aa.partial";
const char* const kAlive = ".graft-fedcba9876543210.partial";

TEST(Temporary, SweepsWhatTheDeadHaveLeft) {
  TempFolder folder;
  write_bytes(folder / kDead, "half of a file");
  fs::create_directories(folder / kDeadFolder / "deeper");
  write_bytes(folder / kAlive, "being written");
  const int alive = ::open((folder / kAlive).c_str(), O_RDONLY);
  ASSERT_EQ(::flock(alive, LOCK_EX), 0);
  const Names others = {".graft-0123.partial", ".graft-0123456789ABCDEF.partial", ".x.17.partial",
                        "graft-0123456789abcdef.partial", ".graft-x123456789abcdef.partial"};
  for (const std::string& name : others) write_bytes(folder / name, "not graft's");
  // What only looks like one: a link, and what it leads to.
  write_bytes(folder / "precious", "x");
  fs::create_symlink("precious", folder / ".graft-1111111111111111.partial");

  sweep(folder.path());
  Names left = others;
  left.insert(left.end(), {kAlive, "precious", ".graft-1111111111111111.partial"});
  std::sort(left.begin(), left.end());
  EXPECT_EQ(names_in(folder.path()), left);
  EXPECT_EQ(read_bytes(folder / "precious"), "x");
  ::close(alive);
}

TEST(Temporary, OfALiveOwnerIsLocked) {
  TempFolder folder;
  const Temporary temporary(folder / "a", Temporary::Kind::folder);
  const int other = ::open(temporary.path().c_str(), O_RDONLY);
  EXPECT_NE(::flock(other, LOCK_EX | LOCK_NB), 0);
  ::close(other);
}

TEST(Temporary, IsShownByTheNameOfItsTarget) {
  TempFolder folder;
  const Temporary temporary(folder / "model", Temporary::Kind::folder);
  EXPECT_EQ(shown_path(temporary.path() / "config.json"), folder / "model/config.json");
}

TEST(TargetLock, SaysWhoHasIt) {
  TempFolder folder;
  {
    const TargetLock lock(folder / "out");
    const TargetLock another(folder / "other");
    expect_error([&] { TargetLock(folder / "out"); },
                 {"out is being written by process " + std::to_string(::getpid()) + " on "});
  }
  EXPECT_EQ(names_in(folder.path()), Names{});
  TargetLock again(folder / "out");
}

TEST(TargetLock, RepeatsNothingUnfit) {
  TempFolder folder;
  const TargetLock lock(folder / "out");
  write_bytes(folder / names_in(folder.path()).at(0), "\x1b[2Jgotcha");
  expect_error([&] { TargetLock(folder / "out"); }, "being written by another process");
}

}  // namespace
}  // namespace graft
