#include "graft/tokenizer/class_pipeline.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::tokenizer {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

// Compared with transformers itself by tests/interop/tokenizer_classes.py.
class ClassPipelineOf : public ::testing::Test {
 protected:
  ClassPipelineOf() : document_(testing::tokenizer_fixture_json("gpt2/tokenizer.json")) {
    document_["normalizer"] = {{"type", "Lowercase"}};
  }

  Tokenizer with(const json& config) const {
    return Tokenizer::parse(
        {.tokenizer_json = document_.dump(), .tokenizer_config_json = config.dump()});
  }
  Tokenizer as(const char* name) const { return with({{"tokenizer_class", name}}); }

  json document_;
};

TEST_F(ClassPipelineOf, TheFileStandsUnlessTheClassBuildsIt) {
  const std::string text = "THE Quick";
  const Ids lower = as("PreTrainedTokenizerFast").encode("the quick");
  EXPECT_EQ(as("PreTrainedTokenizerFast").encode(text), lower);
  EXPECT_EQ(as("SomebodysTokenizer").encode(text), lower);
  for (const char* name : {"GPT2Tokenizer", "GPT2TokenizerFast", "CodeGenTokenizer",
                           "GPTNeoXTokenizer", "Qwen2Tokenizer"}) {
    EXPECT_NE(as(name).encode(text), lower) << name;
    EXPECT_EQ(as(name).decode(as(name).encode(text)), text) << name;
  }
}

TEST_F(ClassPipelineOf, EachHasItsOwnSteps) {
  const std::string composed = "\u00e9", apart = "e\u0301", digits = "12345";
  EXPECT_NE(as("GPT2Tokenizer").encode(composed), as("GPT2Tokenizer").encode(apart));
  for (const char* name : {"GPTNeoXTokenizer", "Qwen2Tokenizer"}) {  // NFC
    EXPECT_EQ(as(name).encode(composed), as(name).encode(apart)) << name;
  }
  EXPECT_EQ(as("Qwen2Tokenizer").encode(digits).size(), digits.size());
  EXPECT_EQ(with({{"tokenizer_class", "GPT2Tokenizer"}, {"add_prefix_space", true}}).encode("the"),
            as("GPT2Tokenizer").encode(" the"));
}

TEST_F(ClassPipelineOf, NamesTokensThatTheConfigDoesNot) {
  const Tokenizer neox = as("GPTNeoXTokenizer");
  EXPECT_EQ(neox.special_tokens().at("pad_token"), "<|padding|>");
  EXPECT_EQ(neox.encode("<|padding|>").size(), 1u);
  const Tokenizer none = with({{"tokenizer_class", "GPTNeoXTokenizer"}, {"pad_token", nullptr}});
  EXPECT_EQ(none.special_tokens().count("pad_token"), 0u);
  EXPECT_GT(none.encode("<|padding|>").size(), 1u);
}

TEST_F(ClassPipelineOf, TheFilesAddedTokensCountUnlessTheConfigHasItsOwn) {
  const int size = static_cast<int>(as("GPT2Tokenizer").vocab_size());
  const json quick = {{"content", "quick"}, {"normalized", false}, {"special", false}};
  json added = quick;
  added["id"] = size;
  document_["added_tokens"].push_back(added);
  EXPECT_EQ(as("GPT2Tokenizer").encode("quick"), Ids{size});
  const json listed = {{"added_tokens_decoder", json::object()}};
  json config = {{"tokenizer_class", "GPT2Tokenizer"}};
  config.update(listed);
  EXPECT_GT(with(config).encode("quick").size(), 1u);
  EXPECT_EQ(with(listed).encode("quick"), Ids{size});  // no class that builds anything
}

TEST_F(ClassPipelineOf, OthersAreRefusedByName) {
  testing::expect_error([&] { as("BertTokenizerFast"); },
                        "tokenizer_config.json: the class BertTokenizer of transformers has a "
                        "pipeline of its own, which is not supported; supported: CodeGenTokenizer");
  document_ = testing::tokenizer_fixture_json("unigram/tokenizer.json");
  testing::expect_error([&] { as("LlamaTokenizer"); }, "its model is no BPE");
}

TEST_F(ClassPipelineOf, WhatWouldChangeIdsIsRefused) {
  for (const char* key : {"split_special_tokens", "fix_mistral_regex"}) {
    testing::expect_error([&] { with({{key, true}}); }, key);
  }
  testing::expect_error(
      [&] {
        with({{"fast_tokenizer_files", {"tokenizer.json", "tokenizer.4.0.json"}}});
      },
      "fast_tokenizer_files[1]");
  with({{"split_special_tokens", false}, {"fast_tokenizer_files", {"tokenizer.json"}}});
}

TEST_F(ClassPipelineOf, ThePaddingOfTheFileNamesItsToken) {
  document_["padding"] = {{"pad_token", "[PAD]"}};
  EXPECT_EQ(with(json::object()).encode("[PAD]").size(), 1u);
  EXPECT_GT(with({{"pad_token", nullptr}}).encode("[PAD]").size(), 1u);
  EXPECT_GT(as("GPT2Tokenizer").encode("[PAD]").size(), 1u);
}

}  // namespace
}  // namespace graft::tokenizer
