#include "graft/data/splits.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace graft::data {
namespace {

using Names = std::vector<std::string>;

TEST(SplitFiles, AreTheUsualNamesFirst) {
  const Names names = {"test.jsonl", "train.jsonl", "train_old.jsonl", "train.parquet",
                       "valid.jsonl"};
  EXPECT_EQ(split_files(names, "train"), Names{"train.jsonl"});
  EXPECT_EQ(split_files(names, "valid"), Names{"valid.jsonl"});
  EXPECT_EQ(split_files(names, "test"), Names{"test.jsonl"});
}

// As data sets of the Hub have them.
TEST(SplitFiles, AreFoundByTheWordsOfTheirNamesAndFolders) {
  const auto found = [](const char* name) {
    std::string splits;
    for (const char* split : {"train", "valid", "test"}) {
      if (!split_files({name}, split).empty()) splits += split;
    }
    return splits;
  };
  EXPECT_EQ(found("data/train-00000-of-00001.parquet"), "train");
  EXPECT_EQ(found("data/validation-00000-of-00001-abc123.parquet"), "valid");
  EXPECT_EQ(found("default/test/0000.parquet"), "test");
  EXPECT_EQ(found("my_training_set.jsonl"), "train");
  EXPECT_EQ(found("DEV.jsonl"), "valid");
  EXPECT_EQ(found("val/a.jsonl"), "valid");
  EXPECT_EQ(found("eval.jsonl"), "test");
  EXPECT_EQ(found("train/test.jsonl"), "test");
  EXPECT_EQ(found("train/part1/0.jsonl"), "train");
  EXPECT_EQ(found("train.csv"), "train");
  EXPECT_EQ(found("data/dev.json.gz"), "valid");
  EXPECT_EQ(found("test.tsv.zst"), "test");
  for (const char* none : {"trained.jsonl", "latest.jsonl", "data.jsonl", "train.txt", "train.gz",
                           "trainjsonl", "train"}) {
    EXPECT_EQ(found(none), "") << none;
  }
}

TEST(SplitFiles, AreAllShardsInOrder) {
  const Names names = {"d/train-00001-of-00002.parquet", "d/test-00000-of-00001.parquet",
                       "d/train-00000-of-00002.parquet"};
  EXPECT_EQ(split_files(names, "train"),
            (Names{"d/train-00000-of-00002.parquet", "d/train-00001-of-00002.parquet"}));
  EXPECT_TRUE(split_files(names, "valid").empty());
  testing::expect_error([&] { split_files({names[0]}, "train"); }, "there are 1 of 2 such files");
  testing::expect_error(
      [] {
        split_files({"train-0-of-2.parquet", "train-3-of-2.parquet"}, "train");
      },
      "there are 2 of 2 such files");
  testing::expect_error(
      [] {
        split_files({"train_a-0-of-1.parquet", "train_b-0-of-1.parquet"}, "train");
      },
      "train_a and train_b");
  EXPECT_EQ(split_files({"train_a.jsonl", "train_b.jsonl"}, "train").size(), 2u);
}

TEST(SplitFiles, AreShardsOfOneSeriesEachOnce) {
  testing::expect_error(
      [] {
        split_files({"train-0-of-3.parquet", "train-1-of-2.parquet"}, "train");
      },
      "the split train is train of 2 and of 3 files");
  testing::expect_error(
      [] {
        split_files({"train-0-of-2-a.parquet", "train-0-of-2-b.parquet", "train-1-of-2.parquet"},
                    "train");
      },
      "there are 3 of 2 such files");
}

TEST(SplitFiles, MayHaveLongNames) {
  const std::string name = "train-" + std::string(1000000, '0') + "-of-1.jsonl";
  EXPECT_EQ(split_files({name}, "train"), Names{name});
}

TEST(SplitFiles, AreJsonlRatherThanParquetAndOfOneFolder) {
  EXPECT_EQ(split_files({"b/train.parquet", "a/train.jsonl"}, "train"), Names{"a/train.jsonl"});
  testing::expect_error(
      [] {
        split_files({"de/train.jsonl", "en/train.jsonl"}, "train");
      },
      {"several folders (de, en)", "train"});
}

}  // namespace
}  // namespace graft::data
