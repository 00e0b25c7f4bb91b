#include "graft/data/card_configs.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace graft::data {
namespace {

using Names = std::vector<std::string>;

constexpr const char* kCard = R"(---
license: mit
configs:
- config_name: chats
  data_files:
  - split: train
    path: chats/train-*.parquet
  - split: validation
    path: [chats/dev.jsonl]
- config_name: words
  default: true
  data_files: "words/**/*.jsonl"
- config_name: nothing
---
# A data set
)";
const Names kFiles = {
    "README.md",       "chats/dev.jsonl", "chats/train-0.parquet", "chats/train-1.parquet",
    "words/a/b.jsonl", "words/c.jsonl"};

TEST(CardConfigs, NameTheFilesOfSplits) {
  const auto configs = card_configs(kCard);
  ASSERT_EQ(configs.size(), 2u);
  const CardConfig& chats = chosen_config(configs, "chats");
  EXPECT_EQ(files_of_config(chats, "train", kFiles),
            (Names{"chats/train-0.parquet", "chats/train-1.parquet"}));
  EXPECT_EQ(files_of_config(chats, "valid", kFiles), Names{"chats/dev.jsonl"});
  EXPECT_EQ(files_of_config(chats, "test", kFiles), Names{});
  const CardConfig& words = chosen_config(configs, "");
  EXPECT_EQ(words.name, "words");
  EXPECT_EQ(files_of_config(words, "train", kFiles), (Names{"words/a/b.jsonl", "words/c.jsonl"}));
}

TEST(CardConfigs, ASplitsOwnNameGoesBeforeItsOtherNames) {
  CardConfig config{
      .name = "all",
      .patterns = {{"dev", {"d.jsonl"}}, {"valid", {"v.jsonl"}}, {"validation", {"w.jsonl"}}}};
  const Names names = {"d.jsonl", "v.jsonl", "w.jsonl"};
  EXPECT_EQ(files_of_config(config, "valid", names), Names{"v.jsonl"});
  EXPECT_EQ(files_of_config(config, "validation", names), Names{"w.jsonl"});
  config.patterns.erase("valid");
  EXPECT_EQ(files_of_config(config, "valid", names), (Names{"d.jsonl", "w.jsonl"}));
}

TEST(CardConfigs, OfSeveralOneMustBeNamed) {
  auto configs = card_configs(kCard);
  testing::expect_error([&] { chosen_config(configs, "songs"); }, {"songs", "chats, words"});
  configs[1].is_default = false;
  testing::expect_error([&] { chosen_config(configs, ""); }, {"several configs", "?config=chats"});
  configs.pop_back();
  EXPECT_EQ(chosen_config(configs, "").name, "chats");
}

TEST(CardConfigs, OfACardWithoutThemThereAreNone) {
  for (const char* card : {"", "# no YAML", "---\nconfigs: 3\n---\n", "---\nconfigs:\n- 3\n---\n",
                           "---\nconfigs: [\n---\n", "---\na: b\n---\n"}) {
    EXPECT_TRUE(card_configs(card).empty()) << card;
  }
}

}  // namespace
}  // namespace graft::data
