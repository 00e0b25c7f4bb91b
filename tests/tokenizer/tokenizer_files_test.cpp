#include "graft/tokenizer/tokenizer_files.h"

#include <gtest/gtest.h>

#include "graft/tokenizer/byte_level.h"
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
               "no tokenizer.json (nor tokenizer.model, *.tiktoken, tekken.json, or vocab.json");
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

// transformers 5.23 and 5.24 drop the flags of the config where there is a tokenizer.json.
TEST(TokenizerFiles, ThePostProcessorStandsWhateverTheConfigSays) {
  const nlohmann::json names = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  auto with = [&](const nlohmann::json& flags) {
    nlohmann::json config = names;
    config.update(flags);
    Ids ids = llama2_with(config).encode("a");
    return std::pair(ids.front(), ids.back());
  };
  int32_t bos = *llama2_with(names).bos_id();
  int32_t first = llama2_with(names).encode("a", {.add_special_tokens = false}).front();
  EXPECT_EQ(with(nlohmann::json::object()), std::pair(bos, first));  // as the file says
  for (const char* flag : {"add_bos_token", "add_eos_token"}) {
    for (const bool value : {false, true}) {
      EXPECT_EQ(with({{flag, value}}), std::pair(bos, first)) << flag << value;
    }
  }
  // Two classes build their own: one without tokens and one with BOS.
  const auto begins_with_bos = [&](const char* name) {
    const Tokenizer tokenizer = llama2_with({{"tokenizer_class", name}, {"bos_token", "<s>"}});
    return tokenizer.encode("a").front() == *tokenizer.bos_id();
  };
  EXPECT_FALSE(begins_with_bos("GPTNeoXTokenizer"));
  EXPECT_TRUE(begins_with_bos("CodeLlamaTokenizer"));
}

// Measured with transformers 5.24 on the same files.
class VocabAndMerges : public ::testing::Test {
 protected:
  VocabAndMerges() {
    nlohmann::json vocab;
    for (int byte = 0; byte < 256; ++byte) {
      vocab[spelling_of_bytes(std::string(1, static_cast<char>(byte)))] = byte;
    }
    int id = 256;
    for (const char* token : {"<s>", "</s>", "12", "123", "\u01201", ".\u010a", "ab", "hi"}) {
      vocab[token] = id++;
    }
    write_bytes(folder_ / "vocab.json", vocab.dump());
    merges("#version: 0.2\n1 2\n12 3\n\u0120 1\n. \u010a\na b\nh i\n");
    config({{"tokenizer_class", "GPT2Tokenizer"}});
  }

  void merges(const std::string& text) { write_bytes(folder_ / "merges.txt", text); }
  void config(const nlohmann::json& config) {
    write_bytes(folder_ / "tokenizer_config.json", config.dump());
  }
  Ids encode(std::string_view text) { return Tokenizer::load(folder_.path()).encode(text); }

  testing::TempFolder folder_;
};

TEST_F(VocabAndMerges, AreAByteLevelTokenizer) {
  EXPECT_EQ(encode("hi"), Ids{263});
  merges("1 2\r\nh i\r\n");
  EXPECT_EQ(encode("12hi"), (Ids{258, 263}));
  merges("");
  EXPECT_EQ(encode("hi"), (Ids{'h', 'i'}));
}

TEST_F(VocabAndMerges, SplitAsTheirClassDoes) {
  const auto split = [&](const char* name, std::string_view text) {
    config({{"tokenizer_class", name}});
    return encode(text);
  };
  for (const char* name :
       {"GPT2Tokenizer", "GPT2TokenizerFast", "CodeGenTokenizer", "GPTNeoXTokenizer"}) {
    EXPECT_EQ(split(name, "123 12").size(), 3u) << name;
    EXPECT_EQ(split(name, ".\nab"), (Ids{'.', '\n', 262})) << name;
  }
  EXPECT_EQ(split("Qwen2Tokenizer", "123 12").size(), 6u);
  EXPECT_EQ(split("Qwen2Tokenizer", ".\nab"), (Ids{261, 262}));
  EXPECT_EQ(split("GPT2Tokenizer", "e\u0301").size(), 3u);
  EXPECT_EQ(split("Qwen2Tokenizer", "e\u0301").size(), 2u);  // in NFC
}

TEST_F(VocabAndMerges, HaveTheTokensOfTheirClass) {
  EXPECT_EQ(encode("hi<|endoftext|>"), (Ids{263, 264}));
  config({{"tokenizer_class", "GPT2Tokenizer"},
          {"bos_token", "<s>"},
          {"eos_token", "</s>"},
          {"add_bos_token", true},
          {"add_eos_token", true}});
  EXPECT_EQ(encode("hi"), (Ids{256, 263, 257}));
}

TEST_F(VocabAndMerges, OfAClassThatDoesNotReadThemAreRefused) {
  config({{"tokenizer_class", "PreTrainedTokenizerFast"}});
  expect_error([&] { encode(""); }, "the class TokenizersBackend does not read vocab.json");
  config({{"tokenizer_class", "GPT2Tokenizer"}});
  write_bytes(folder_ / "config.json", R"({"model_type": "mistral"})");
  expect_error([&] { encode(""); }, "does not read vocab.json");
  write_bytes(folder_ / "config.json", R"({"model_type": "starcoder2"})");
  fs::remove(folder_ / "tokenizer_config.json");
  EXPECT_EQ(encode("hi"), Ids{263});
}

TEST_F(VocabAndMerges, ThatAreBrokenAreNamedByLine) {
  for (const char* bad : {"#version: 0.2\nh i\n\n", "h i\nhi", "a b\na b c", "a b\n b"}) {
    merges(bad);
    expect_error([&] { encode(""); }, "merges.txt:");
  }
  merges("h x");
  expect_error([&] { encode(""); }, "\"hx\" is not in the vocabulary");
}

// Tokens that stand in added_tokens.json alone.
TEST(TokenizerFiles, AddedTokensJsonCountsWithoutADecoder) {
  testing::TempFolder folder;
  const nlohmann::json document = tokenizer_fixture_json("llama2/tokenizer.json");
  write_bytes(folder / "tokenizer.json", document.dump());
  const Tokenizer plain = Tokenizer::load(folder.path());
  const auto next = static_cast<int32_t>(plain.vocab_size());
  const auto added = [&](const nlohmann::json& tokens, const nlohmann::json& config) {
    write_bytes(folder / "added_tokens.json", tokens.dump());
    write_bytes(folder / "tokenizer_config.json", config.dump());
    return Tokenizer::load(folder.path());
  };
  const nlohmann::json two = {{"<x>", next + 1}, {"<pad>", next}};
  const Tokenizer tokenizer = added(two, {{"pad_token", "<pad>"}});
  EXPECT_EQ(tokenizer.encode("<pad><x>", {.add_special_tokens = false}), (Ids{next, next + 1}));
  EXPECT_TRUE(tokenizer.is_special(next));
  EXPECT_FALSE(tokenizer.is_special(next + 1));
  EXPECT_EQ(added(two, {{"added_tokens_decoder", nlohmann::json::object()}}).vocab_size(),
            plain.vocab_size());
  expect_error(
      [&] {
        added({{"<pad>", next + 40}}, nlohmann::json::object());
      },
      "its place in the vocabulary");
  expect_error([&] { added({{"<pad>", "x"}}, nlohmann::json::object()); }, "added_tokens.json: ");
  expect_error([&] { added({{"<pad>", -1}}, nlohmann::json::object()); }, "added_tokens.json: ");
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
