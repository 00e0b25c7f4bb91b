#include "graft/hub/repository.h"

#include <gtest/gtest.h>

namespace graft::hub {
namespace {

TEST(Repository, IsANameAndARevision) {
  const auto plain = Repository::parse("mistralai/Mistral-7B-v0.1");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->name, "mistralai/Mistral-7B-v0.1");
  EXPECT_EQ(plain->revision, "main");
  EXPECT_EQ(plain->folder_name(), "models--mistralai--Mistral-7B-v0.1");
  EXPECT_EQ(Repository::parse("gpt2")->folder_name(), "models--gpt2");
  EXPECT_EQ(Repository::parse("a/b@refs/pr/1")->revision, "refs/pr/1");
}

// The rules of huggingface_hub's validate_repo_id, and of git for revisions.
TEST(Repository, OtherTextsAreNone) {
  for (const char* text :
       {"",       "/",        "a/",       "/b",       "a/b/c",  "../b",      "a/..",
        "a--b/c", "a/b--c",   "a/b.git",  ".a/b",     "a/b.",   "-a/b",      "a/b-",
        "a b/c",  "a/b\n",    "a/b@",     "a/b@../x", "a/b@/x", "a/b@x/",    "a/b@x/../y",
        "a/b@.x", "a/b@x//y", "a/b@x/.y", "a/b@a b",  "a/b@-x", "a/b@x\x1b", "a/\xc3\xa9"}) {
    EXPECT_FALSE(Repository::parse(text)) << text;
  }
  EXPECT_FALSE(Repository::parse("a/" + std::string(95, 'b')));
  EXPECT_TRUE(Repository::parse("a/" + std::string(94, 'b')));
}

TEST(Repository, ACommitIsFortyHexadecimalDigits) {
  EXPECT_TRUE(is_commit("0123456789abcdef0123456789abcdef01234567"));
  EXPECT_FALSE(is_commit("0123456789abcdef0123456789abcdef0123456"));
  EXPECT_FALSE(is_commit("0123456789ABCDEF0123456789abcdef01234567"));
}

}  // namespace
}  // namespace graft::hub
