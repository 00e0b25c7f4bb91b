// `graft cache`: what it lists, and that nothing goes that was not named.

#include <cstdlib>

#include "graft/ops/backend.h"
#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class Cache : public ProgramTest {
 protected:
  void SetUp() override {
    ProgramTest::SetUp();
    ::setenv("HF_HUB_CACHE", (folder_ / "hub").c_str(), 1);
    ::setenv("HF_HOME", (folder_ / "hf").c_str(), 1);
    ::setenv("TZ", "UTC", 1);
    const std::string blob(40, 'b');
    put("hub/models--owner--one/blobs/" + blob, std::string(2'500'000, 'x'));
    put("hub/models--owner--one/blobs/" + std::string(64, 'c') + ".incomplete",
        std::string(8192, 'x'));
    put("hub/models--owner--one/refs/main", first_);
    put("hub/models--owner--one/refs/refs/pr/1", first_);
    for (const std::string& commit : {first_, second_}) {
      fs::create_directories(folder_ / "hub/models--owner--one/snapshots" / commit);
      fs::create_symlink("../../blobs/" + blob,
                         folder_ / "hub/models--owner--one/snapshots" / commit / "config.json");
    }
    put("hub/.locks/models--owner--one/" + blob + ".lock", "");
    put("hub/datasets--owner--set/blobs/" + blob, "x");
    put("hub/version.txt", "1");
    put("precious/models--owner--one", "x");
    fs::create_symlink(folder_ / "precious", folder_ / "hub" / "models--owner--link");
  }
  void TearDown() override {
    ::unsetenv("HF_HUB_CACHE");
    ::unsetenv("HF_HOME");
  }

  void put(const std::string& file, const std::string& content) {
    fs::create_directories((folder_ / file).parent_path());
    write(file.c_str(), content);
  }

  const std::string first_ = std::string(40, '1'), second_ = std::string(40, '2');
};

TEST_F(Cache, ListsRepositoriesWithTheirSizesAndRevisions) {
  const ProgramResult result = run({"cache"});
  EXPECT_EQ(result.code, 0) << result.err;
  expect_line(result.out,
              "owner/one +2.5 MB and 8 kB unfinished +20[0-9-]{8} +main, refs/pr/1 \\(11111111\\), "
              "22222222");
  expect_line(result.out, "datasets/owner/set +1 kB +20[0-9-]{8} +nothing whole");
  EXPECT_EQ(result.out.find("link"), std::string::npos);
  EXPECT_EQ(result.out.find("version"), std::string::npos);
}

TEST_F(Cache, DeletesWhatIsNamedAndNothingElse) {
  expect_refused(run({"cache", "--delete", "owner/one"}), 2, "give --yes");
  expect_refused(run({"cache", "--delete", "owner/two", "--yes"}), 1, "owner/two is not in");
  expect_refused(run({"cache", "--delete", "owner/link", "--yes"}), 1, "owner/link is not in");
  expect_refused(run({"cache", "--delete", "../precious", "--yes"}), 1, "is not in");
  expect_refused(run({"cache", "--yes"}), 2, "--delete");
  EXPECT_TRUE(fs::exists(folder_ / "hub/models--owner--one"));
  // One that is not there: nothing is deleted at all.
  expect_refused(run({"cache", "--delete", "owner/one", "owner/two", "--yes"}), 1, "owner/two");
  EXPECT_TRUE(fs::exists(folder_ / "hub/models--owner--one"));
  const ProgramResult result = run({"cache", "--delete", "owner/one", "--yes"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("Deleted owner/one: 2.5 MB"), std::string::npos) << result.err;
  EXPECT_FALSE(fs::exists(folder_ / "hub/models--owner--one"));
  EXPECT_FALSE(fs::exists(folder_ / "hub/.locks/models--owner--one"));
  EXPECT_TRUE(fs::exists(folder_ / "hub/datasets--owner--set"));
  EXPECT_TRUE(fs::exists(folder_ / "precious/models--owner--one"));
}

TEST_F(Cache, ListsTokensOfDataSetsAndDeletesThem) {
  const std::string first = "0123456789abcdef0123456789abcdef", second(32, '7');
  put("hf/graft/tokens/" + first + ".tokens", std::string(1'500'000, 'x'));
  put("hf/graft/tokens/" + first + ".json", R"({"data": "data/train.jsonl"})");
  put("hf/graft/tokens/" + second + ".tokens", std::string(3000, 'x'));
  put("hf/graft/tokens/mine.tokens", "x");
  ProgramResult result = run({"cache"});
  EXPECT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "tokens/01234567 +1.5 MB +20[0-9-]{8} +data/train.jsonl");
  expect_line(result.out, "tokens/77777777 +3 kB +20[0-9-]{8} +nothing whole");
  EXPECT_EQ(result.out.find("mine"), std::string::npos);
  expect_refused(run({"cache", "--delete", "tokens/01234567"}), 2, "give --yes");
  expect_refused(run({"cache", "--delete", "tokens/mine", "--yes"}), 1, "tokens/mine is not in");
  result = run({"cache", "--delete", "tokens/01234567", "owner/one", "--yes"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("Deleted tokens/01234567: 1.5 MB"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("Deleted owner/one"), std::string::npos) << result.err;
  const std::vector<std::string> left = {second + ".tokens", "mine.tokens"};
  EXPECT_EQ(names_in(folder_ / "hf/graft/tokens"), left);
}

// What a training keeps of the layers below its adapters, in whole.
TEST_F(Cache, ListsWhatLowerLayersGaveAndDeletesIt) {
  if (!ops::use_cpu_kernels()) GTEST_SKIP() << "it is kept on our kernels alone";
  ProgramResult result = train({"--lora-layers", "1"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("Layers 0 to 0 run once for each example"), std::string::npos)
      << result.err;
  expect_line(result.out, "Plan: .* a step \\(.* once layers 0 to 0 are kept\\), .*");
  result = run({"cache", "trunk"});
  EXPECT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "trunk/[0-9a-f]{8} +[0-9.]+ kB +20[0-9-]{8} +model");
  EXPECT_EQ(result.out.find("owner"), std::string::npos);
  const std::string name = result.out.substr(result.out.find("trunk/"), 14);
  EXPECT_EQ(run({"cache", "tokens"}).out.find("trunk"), std::string::npos);
  expect_refused(run({"cache", "rows"}), 2, "rows");
  result = run({"cache", "--delete", name, "--yes"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(names_in(folder_ / "hf/graft/trunk").empty());
  result = train({"--lora-layers", "1", "--trunk-cache", "off"});
  EXPECT_EQ(result.err.find("run once"), std::string::npos) << result.err;
  EXPECT_TRUE(names_in(folder_ / "hf/graft/trunk").empty());
  result = train({"--lora-layers", "1", "--trunk-cache", "mine", "--trunk-memory", "1KB"});
  EXPECT_NE(result.err.find(" is kept in mine"), std::string::npos) << result.err;
  expect_refused(train({"--trunk-bits", "4"}), 2, "--trunk-bits");
  expect_refused(train({"--trunk-memory", "much"}), 2, "--trunk-memory");
}

TEST_F(Cache, SaysWhereThereIsNothing) {
  ::setenv("HF_HUB_CACHE", (folder_ / "none").c_str(), 1);
  const ProgramResult result = run({"cache"});
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.err.find("There is nothing in " + (folder_ / "none").string()),
            std::string::npos);
}

}  // namespace
}  // namespace graft::testing
