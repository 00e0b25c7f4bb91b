#include "graft/data/data_name.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::data {
namespace {

using testing::expect_error;

std::pair<int64_t, int64_t> part(const char* text, int64_t rows) {
  return SplitPart::parse(text).slice.of(rows);
}

TEST(SplitPart, BeyondAllRowsEndsWithThem) {
  using Part = std::pair<int64_t, int64_t>;
  EXPECT_EQ(part("train[:999999999999999%]", 1000000), (Part{0, 1000000}));
  EXPECT_EQ(part("train[-999999999999999%:]", 1000000), (Part{0, 1000000}));
  EXPECT_EQ(part("train[:999999999999999]", 10), (Part{0, 10}));
  EXPECT_EQ(part("train[-150%:150%]", 10), (Part{0, 10}));
}

TEST(DataName, MayHaveAWeight) {
  const DataName name = DataName::parse("owner/name:0.3");
  EXPECT_EQ(name.name, "owner/name");
  EXPECT_EQ(name.weight, 0.3);
  EXPECT_EQ(DataName::parse("a/b:2").weight, 2);
  EXPECT_FALSE(DataName::parse("a/b").weight);
  for (const char* bad : {"a/b:0", "a/b:-1", "a/b:0.0", "a/b:nan"}) {
    expect_error<UsageError>([&] { DataName::parse(bad); }, {bad, "above 0"});
  }
}

TEST(DataName, ThatIsAPathIsThePath) {
  const testing::TempFolder folder;
  const std::string path = (folder / "a?b=c:0.5").string();
  testing::write_bytes(path, "");
  EXPECT_EQ(DataName::parse(path).name, path);
  EXPECT_FALSE(DataName::parse(path).weight);
  const DataName weighted = DataName::parse(path + ":2");
  EXPECT_EQ(weighted.name, path);
  EXPECT_EQ(weighted.weight, 2);
}

TEST(DataName, MaySayWhatIsMeant) {
  const DataName name =
      DataName::parse("o/n?config=main&train=train[:80%]&valid=train[-20%:]&prompt=question:0.5");
  EXPECT_EQ(name.name, "o/n");
  EXPECT_EQ(name.config, "main");
  EXPECT_EQ(name.splits.at("train").split, "train");
  EXPECT_EQ(name.splits.at("valid").slice.begin, -20);
  EXPECT_EQ(name.keys.prompt, "question");
  EXPECT_EQ(name.weight, 0.5);
  expect_error<UsageError>([] { DataName::parse("o/n?size=3"); }, {"size", "config, train"});
  expect_error<UsageError>([] { DataName::parse("o/n?config"); }, "key=value");
  expect_error<UsageError>([] { DataName::parse("o/n?config="); }, "empty");
}

// As the package `datasets` counts them.
TEST(SplitPart, IsASlice) {
  EXPECT_EQ(part("train", 10), std::pair(int64_t{0}, int64_t{10}));
  EXPECT_EQ(part("train[:3]", 10), std::pair(int64_t{0}, int64_t{3}));
  EXPECT_EQ(part("train[-3:]", 10), std::pair(int64_t{7}, int64_t{10}));
  EXPECT_EQ(part("train[2:40]", 10), std::pair(int64_t{2}, int64_t{10}));
  EXPECT_EQ(part("train[5:2]", 10), std::pair(int64_t{5}, int64_t{5}));
  EXPECT_EQ(part("train[:33%]", 10), std::pair(int64_t{0}, int64_t{3}));
  EXPECT_EQ(part("train[33%:66%]", 999), std::pair(int64_t{330}, int64_t{659}));
  EXPECT_EQ(part("train[-10%:]", 50), std::pair(int64_t{45}, int64_t{50}));
  for (const char* bad : {"train[", "train[3]", "train[a:]", "tr/ain", "train[1%:2]", ""}) {
    expect_error<UsageError>([&] { SplitPart::parse(bad); }, bad);
  }
}

}  // namespace
}  // namespace graft::data
