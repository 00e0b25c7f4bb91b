#include "graft/engine/named_data.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::engine {
namespace {

class NamedDataTest : public ::testing::Test {
 protected:
  void write(const std::string& name) const {
    fs::create_directories((folder_ / name).parent_path());
    testing::write_bytes(folder_ / name, "{\"text\": \"a b\"}\n");
  }

  NamedData data(const std::vector<std::string>& splits, double valid_split = 0) const {
    return {runtime_, {.names = {folder_.path().string()}, .valid_split = valid_split}, splits};
  }

  Runtime runtime_;
  testing::TempFolder folder_;
};

TEST_F(NamedDataTest, OfAFolderIsListedOnce) {
  write("train.csv");
  const NamedData found = data({"train", "test"});
  EXPECT_FALSE(found.has("test"));
  write("test.csv");
  EXPECT_FALSE(found.has("test"));
  EXPECT_TRUE(data({"train", "test"}).has("test"));
  fs::remove(folder_ / "train.csv");
  EXPECT_EQ(found.shown("train"), (folder_ / "train.csv").string());
  EXPECT_EQ(found.sources("train").at(0).files.at(0).path, folder_ / "train.csv");
}

// A validation set is named without a look at what is not asked for: a training set that is two.
TEST_F(NamedDataTest, OneSplitIsNoMatterOfTheOthers) {
  write("de/train.csv");
  write("en/train.csv");
  write("valid.csv");
  const NamedData found = data({"valid"});
  EXPECT_EQ(found.shown("valid"), (folder_ / "valid.csv").string());
  testing::expect_error([&] { (void)found.shown("train"); }, "several folders");
}

// Of the Hub, too, a part of the training set may be all that validates.
TEST_F(NamedDataTest, TheSplitThatIsDividedIsFetched) {
  const std::string commit(40, 'a'), repository = "hf/hub/datasets--owner--name/";
  write(repository + "snapshots/" + commit + "/train.jsonl");
  fs::create_directories(folder_ / (repository + "refs"));
  testing::write_bytes(folder_ / (repository + "refs/main"), commit);
  ::setenv("HF_HOME", (folder_ / "hf").c_str(), 1);
  ::setenv("HF_HUB_OFFLINE", "1", 1);
  const NamedData found(runtime_, {.names = {"owner/name"}, .valid_split = 0.5}, {"valid"});
  ::unsetenv("HF_HUB_OFFLINE");
  ::unsetenv("HF_HOME");
  EXPECT_EQ(found.shown("valid"), "owner/name/train.jsonl (valid)");
}

}  // namespace
}  // namespace graft::engine
