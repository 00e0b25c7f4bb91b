#include "graft/tokenizer/tokenizer_files.h"

#include <gtest/gtest.h>

#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"
#include "tests/support/sentencepiece_builder.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::tokenizer {
namespace {

using testing::expect_error;
using testing::tokenizer_fixture_json;
using testing::write_bytes;
using Ids = std::vector<int32_t>;

std::string sentencepiece_model() {
  testing::SentencePieceBuilder model;
  model.usual_specials().piece("\u2581", -1).piece("a", -2).piece("b", -3).piece("\u2581a", -0.5);
  model.trainer.varint(3, 2);  // BPE
  return model.build();
}

Tokenizer llama2_with(const nlohmann::json& config, const std::string& model_type = "") {
  return Tokenizer::parse({.tokenizer_json = tokenizer_fixture_json("llama2/tokenizer.json").dump(),
                           .tokenizer_config_json = config.dump(),
                           .model_type = model_type});
}

TEST(TokenizerFiles, TheFirstKindThatIsThereCounts) {
  testing::TempFolder folder;
  expect_error([&] { read_tokenizer_files(folder.path()); },
               "no tokenizer.json (nor tokenizer.model, *.tiktoken or tekken.json)");
  write_bytes(folder / "tekken.json", "{");
  expect_error([&] { read_tokenizer_files(folder.path()); }, "tekken.json: ");
  write_bytes(folder / "b.tiktoken", "YQ== 7\n");
  write_bytes(folder / "a.tiktoken", "YQ== 8\n");
  expect_error([&] { read_tokenizer_files(folder.path()); }, "a.tiktoken: ");
  write_bytes(folder / "tokenizer.model", "YQ== 9\n");
  expect_error([&] { read_tokenizer_files(folder.path()); }, "tokenizer.model: ");
  write_bytes(folder / "tokenizer.model", sentencepiece_model());
  EXPECT_EQ(Tokenizer::load(folder.path()).encode("ab"), (Ids{6, 5}));
  fs::copy(testing::tokenizer_fixture("gpt2") / "tokenizer.json", folder.path());
  EXPECT_GT(Tokenizer::load(folder.path()).vocab_size(), 400u);
}

TEST(TokenizerFiles, AModelFileOfNoKindIsRefused) {
  testing::TempFolder folder;
  write_bytes(folder / "tokenizer.model", "hello, world");
  expect_error([&] { read_tokenizer_files(folder.path()); },
               "tokenizer.model: is neither a SentencePiece model nor a tiktoken file");
}

TEST(TokenizerFiles, ASentencePieceModelWithAMapOfCharactersIsRefused) {
  testing::TempFolder folder;
  testing::SentencePieceBuilder model;
  model.usual_specials().piece("a", -1);
  model.normalizer.bytes(2, "map");
  write_bytes(folder / "tokenizer.model", model.build());
  expect_error([&] { read_tokenizer_files(folder.path()); },
               "tokenizer.model: its map of characters (precompiled_charsmap) is not supported");
}

TEST(TokenizerFiles, ASentencePieceModelFollowsTheConfig) {
  testing::TempFolder folder;
  write_bytes(folder / "tokenizer.model", sentencepiece_model());
  EXPECT_EQ(Tokenizer::load(folder.path()).encode("a"), (Ids{6}));
  write_bytes(folder / "tokenizer_config.json",
              R"({"tokenizer_class": "LlamaTokenizer", "add_bos_token": true})");
  EXPECT_EQ(Tokenizer::load(folder.path()).encode("a"), (Ids{1, 6}));
  // transformers has a class of its own for other models, which adds no space.
  write_bytes(folder / "config.json", R"({"model_type": "mistral"})");
  EXPECT_EQ(Tokenizer::load(folder.path()).encode("a"), (Ids{1, 4}));
  write_bytes(folder / "config.json", R"({"model_type": 7})");
  expect_error([&] { Tokenizer::load(folder.path()); }, "config.json: model_type");
}

TEST(TokenizerFiles, BosAndEosOfTheConfigReplaceThePostProcessor) {
  const nlohmann::json names = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  auto with = [&](const nlohmann::json& flags) {
    nlohmann::json config = names;
    config.update(flags);
    Ids ids = llama2_with(config).encode("a");
    return std::pair(ids.front(), ids.back());
  };
  int32_t bos = *llama2_with(names).bos_id(), eos = *llama2_with(names).eos_id();
  int32_t first = llama2_with(names).encode("a", {.add_special_tokens = false}).front();
  EXPECT_EQ(with(nlohmann::json::object()), std::pair(bos, first));  // as the file says
  EXPECT_EQ(with({{"add_bos_token", false}}), std::pair(first, first));
  EXPECT_EQ(with({{"add_eos_token", true}}), std::pair(first, eos));
  EXPECT_EQ(with({{"add_bos_token", true}, {"add_eos_token", true}}), std::pair(bos, eos));
}

// The class has a pipeline of its own: a space before the text, and not behind special tokens.
TEST(TokenizerFiles, LlamaTokenizerRebuildsThePipeline) {
  nlohmann::json document = tokenizer_fixture_json("llama2/tokenizer.json");
  auto rebuilt = [&](const char* scheme) {
    document["normalizer"] = nullptr;
    document["pre_tokenizer"] = {{"type", "Metaspace"},
                                 {"replacement", "\u2581"},
                                 {"prepend_scheme", scheme},
                                 {"split", false}};
    return Tokenizer::parse({.tokenizer_json = document.dump()});
  };
  const std::string text = "quick</s>brown <s> fox\u2603";
  Ids first = rebuilt("first").encode(text), always = rebuilt("always").encode(text);
  ASSERT_NE(first, always);
  nlohmann::json config = {{"tokenizer_class", "LlamaTokenizerFast"}};
  EXPECT_EQ(llama2_with(config).encode(text), first);
  EXPECT_EQ(llama2_with(config, "llama").encode(text), first);
  config["legacy"] = true;
  EXPECT_EQ(llama2_with(config).encode(text), always);
  config["add_prefix_space"] = false;
  EXPECT_EQ(llama2_with(config).encode(text), rebuilt("never").encode(text));
  Ids file = llama2_with(nlohmann::json::object()).encode(text);
  EXPECT_NE(file, rebuilt("never").encode(text));
  EXPECT_EQ(llama2_with(config, "mistral").encode(text), file);
  EXPECT_EQ(llama2_with({{"tokenizer_class", "PreTrainedTokenizerFast"}}).encode(text), file);
}

}  // namespace
}  // namespace graft::tokenizer
