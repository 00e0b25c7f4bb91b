#include "graft/tokenizer/tokenizer_config.h"

#include <gtest/gtest.h>

#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::tokenizer {
namespace {

Tokenizer with_config(const std::string& config, const std::string& map = "") {
  return Tokenizer::parse(
      {.tokenizer_json = read_text(testing::tokenizer_fixture("qwen2/tokenizer.json")),
       .tokenizer_config_json = config,
       .special_tokens_map_json = map});
}

// The fixture has 480 tokens and five added ones: new ones begin at 485.
using Ids = std::vector<int32_t>;

TEST(TokenizerConfig, NamesEndOfTextAsStringOrObject) {
  EXPECT_EQ(with_config(R"({"eos_token": "<|im_end|>"})").eos_id(), 482);
  EXPECT_EQ(with_config(R"({"eos_token": {"content": "<|im_end|>", "lstrip": false}})").eos_id(),
            482);
  EXPECT_EQ(with_config(R"({"eos_token": null, "bos_token": "<|im_start|>"})").eos_id(),
            std::nullopt);
  EXPECT_EQ(with_config("").eos_id(), std::nullopt);
  EXPECT_EQ(with_config("{}", R"({"bos_token": "<|im_start|>"})").bos_id(), 481);
}

// What transformers 5.23 does with the same files.
TEST(TokenizerConfig, NewTokensAreAddedBehindTheOthers) {
  Tokenizer named = with_config(
      R"({"eos_token": "<e>", "image_token": "<i>", "add_bos_token": true,
          "additional_special_tokens": ["<x>", "<e>"]})");
  EXPECT_EQ(named.encode("<e><i><x>"), (Ids{485, 486, 487}));
  EXPECT_EQ(named.eos_id(), 485);
  EXPECT_EQ(named.vocab_size(), 488u);
  EXPECT_TRUE(named.is_special(486));

  Tokenizer decoder = with_config(
      R"({"added_tokens_decoder": {"486": {"content": "<b>", "special": false, "normalized": false},
                                   "485": {"content": "<a>", "special": true}}})");
  EXPECT_EQ(decoder.encode("<a><b>"), (Ids{485, 486}));
  EXPECT_TRUE(decoder.is_special(485));
  EXPECT_FALSE(decoder.is_special(486));
}

TEST(TokenizerConfig, TheDecoderGivesFlagsAnew) {
  Tokenizer plain = with_config("{}");
  Tokenizer strips = with_config(
      R"({"added_tokens_decoder": {"482": {"content": "<|im_end|>", "rstrip": true,
                                           "special": true}}})");
  EXPECT_EQ(plain.encode("<|im_end|>  ").size(), 2u);
  EXPECT_EQ(strips.encode("<|im_end|>  "), Ids{482});
  // A name alone does not.
  EXPECT_EQ(with_config(R"({"eos_token": "<|im_end|>"})").encode("<|im_end|>  ").size(), 2u);
}

TEST(TokenizerConfig, TheMapCountsWithoutADecoder) {
  const char* config = R"({"eos_token": "<|endoftext|>"})";
  const char* map = R"({"eos_token": "<|im_end|>"})";
  EXPECT_EQ(with_config(config, map).eos_id(), 482);
  EXPECT_EQ(
      with_config(R"({"eos_token": "<|endoftext|>", "added_tokens_decoder": {}})", map).eos_id(),
      480);
}

TEST(TokenizerConfig, BadFilesAreRefusedByName) {
  using testing::expect_error;
  expect_error([] { with_config("{"); }, "tokenizer_config.json: ");
  expect_error([] { with_config("[]"); }, "tokenizer_config.json: expected an object");
  expect_error([] { with_config(R"({"eos_token": 3})"); },
               "tokenizer_config.json: eos_token: expected a string or an object");
  expect_error([] { with_config(R"({"eos_token": {"lstrip": true}})"); },
               "tokenizer_config.json: eos_token: has no \"content\"");
  expect_error([] { with_config(R"({"additional_special_tokens": [[]]})"); },
               "additional_special_tokens[0]");
  expect_error([] { with_config(R"({"added_tokens_decoder": {"x": {"content": "a"}}})"); },
               "expected an id as the key");
  expect_error([] { with_config(R"({"added_tokens_decoder": {"500": {"content": "<n>"}}})"); },
               "the added token \"<n>\" has id 500, but by its place in the vocabulary it is 485");
  expect_error([] { with_config("{}", R"({"eos_token": 3})"); },
               "special_tokens_map.json: eos_token");
}

}  // namespace
}  // namespace graft::tokenizer
