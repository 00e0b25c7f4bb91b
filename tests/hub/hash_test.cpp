#include "graft/hub/hash.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace graft::hub {
namespace {

// As `git hash-object` and `sha256sum` give them.
TEST(Hash, IsGitsOfSmallFilesAndSha256OfLarge) {
  Hash git(hash_kind("ce013625030ba8dba906f756967f9e9ca394464a"), 6);
  git.add("hel", 3);
  git.add("lo\n", 3);
  EXPECT_EQ(git.finish(), "ce013625030ba8dba906f756967f9e9ca394464a");
  Hash sha256(hash_kind(std::string(64, '0')), 6);
  sha256.add("hello\n", 6);
  EXPECT_EQ(sha256.finish(), "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
  EXPECT_EQ(Hash(HashKind::git, 0).finish(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
}

TEST(Hash, OtherNamesOfFilesAreRefused) {
  for (const char* etag :
       {"", "abc", "gggggggggggggggggggggggggggggggggggggggg", "../../etc/passwd"}) {
    testing::expect_error([&] { hash_kind(etag); }, "neither SHA-256 nor SHA-1");
  }
}

}  // namespace
}  // namespace graft::hub
