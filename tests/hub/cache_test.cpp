#include "graft/hub/cache.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace graft::hub {
namespace {

TEST(OriginOfSnapshot, IsTheRepositoryAndCommitOfItsPath) {
  const std::string commit(40, 'a');
  for (const char* end : {"", "/", "/."}) {
    const auto origin = origin_of_snapshot("/c/models--acme--base/snapshots/" + commit + end);
    ASSERT_TRUE(origin) << end;
    EXPECT_EQ(origin->repository, "acme/base");
    EXPECT_EQ(origin->commit, commit);
  }
  EXPECT_EQ(origin_of_snapshot("models--gpt2/snapshots/" + commit)->repository, "gpt2");
  for (const std::string& other : std::vector<std::string>{
           "", "/", "models--acme--base", "models--acme--base/snapshots/main",
           "datasets--acme--base/snapshots/" + commit, "models--acme--base/blobs/" + commit}) {
    EXPECT_FALSE(origin_of_snapshot(other)) << other;
  }
}

}  // namespace
}  // namespace graft::hub
