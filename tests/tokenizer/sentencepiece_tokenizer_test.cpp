#include "graft/tokenizer/sentencepiece_tokenizer.h"

#include <gtest/gtest.h>

#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"
#include "tests/support/sentencepiece_builder.h"

namespace graft::tokenizer {
namespace {

using testing::SentencePieceBuilder;
using MergeOrder = SentencePieceHints::MergeOrder;
using SpacePrefix = SentencePieceHints::SpacePrefix;
using nlohmann::ordered_json;
using Ids = std::vector<int32_t>;

constexpr uint64_t kUnigram = 1, kBpe = 2;

// Its two spaces have a low id and a bad score, as those of Llama 2 and Mistral.
SentencePieceBuilder bpe_builder() {
  SentencePieceBuilder builder;
  builder.usual_specials().piece("▁▁", -9).piece("▁a", -1).piece("bc", -2).piece("▁ab", -3);
  builder.piece("▁", -4).piece("a", -5).piece("b", -6).piece("c", -7).piece("<mask>", 0, 4);
  builder.trainer.varint(3, kBpe);
  builder.normalizer.varint(4, 0);
  return builder;
}

SentencePieceBuilder unigram_builder() {
  SentencePieceBuilder builder;
  builder.usual_specials().piece("▁", -3).piece("▁ab", -2).piece("a", -4).piece("b", -4);
  builder.trainer.varint(3, kUnigram);
  return builder;
}

TokenizerDocuments documents_of(const SentencePieceBuilder& builder,
                                const SentencePieceHints& hints = {}) {
  return sentencepiece_tokenizer(parse_sentencepiece_model(builder.build(), "x.model"), "x.model",
                                 hints);
}

ordered_json tokenizer_of(const SentencePieceBuilder& builder,
                          const SentencePieceHints& hints = {}) {
  return documents_of(builder, hints).tokenizer_json;
}

void expect_ids(const SentencePieceBuilder& builder, const SentencePieceHints& hints,
                const std::vector<std::pair<std::string, Ids>>& expected) {
  TokenizerDocuments documents = documents_of(builder, hints);
  Tokenizer tokenizer =
      Tokenizer::parse({.tokenizer_json = documents.tokenizer_json.dump(),
                        .tokenizer_config_json = documents.tokenizer_config_json.dump()});
  for (const auto& [text, ids] : expected) EXPECT_EQ(tokenizer.encode(text), ids) << text;
}

// The ids are those of the program sentencepiece 0.2.3.
TEST(SentencePieceTokenizer, GivesTheIdsOfSentencePiece) {
  expect_ids(bpe_builder(), {},
             {{"", {}},
              {"abc", {4, 5}},
              {"ab", {6}},
              {" a", {7, 4}},
              {"a  a", {4, 7, 4}},
              {"  ", {3, 7}},
              {"axyb", {4, 0, 9}},
              {" a  b  ", {7, 4, 3, 9, 3}}});
  SentencePieceBuilder without_prefix = bpe_builder();
  without_prefix.normalizer.varint(3, 0);
  expect_ids(without_prefix, {},
             {{"abc", {8, 5}}, {" a", {4}}, {"  ", {3}}, {"a<mask>b", {8, 11, 9}}});
}

TEST(SentencePieceTokenizer, RemovesExtraSpacesIfTheModelDoes) {
  SentencePieceBuilder builder = bpe_builder();
  builder.normalizer.varint(4, 1);
  expect_ids(builder, {}, {{" a", {4}}, {"a  a", {4, 4}}, {"  ", {}}, {" a  b  ", {4, 7, 9}}});
}

TEST(SentencePieceTokenizer, PutsTheSpaceWhereTransformersDoes) {
  SentencePieceHints hints{.space_prefix = SpacePrefix::text_start};
  expect_ids(bpe_builder(), hints, {{" a", {4}}, {"a</s>a", {4, 2, 8}}, {"ab", {6}}});
  hints.space_prefix = SpacePrefix::each_part;
  expect_ids(bpe_builder(), hints, {{" a", {4}}, {"a</s>a", {4, 2, 4}}});
  hints.add_prefix_space = false;
  expect_ids(bpe_builder(), hints, {{"ab", {8, 9}}});
}

TEST(SentencePieceTokenizer, OrdersMergesByScoreOrById) {
  // ▁▁ + a or ▁ + ▁a
  SentencePieceHints hints{.space_prefix = SpacePrefix::text_start};
  expect_ids(bpe_builder(), hints, {{"  a", {7, 4}}});
  hints.merge_order = MergeOrder::by_id;
  expect_ids(bpe_builder(), hints, {{"  a", {3, 8}}});
  EXPECT_EQ(tokenizer_of(bpe_builder(), hints)["model"]["merges"].dump(),
            R"([["▁","▁"],["▁","a"],["b","c"],["▁a","b"]])");
  EXPECT_EQ(tokenizer_of(bpe_builder())["model"]["merges"].dump(),
            R"([["▁","a"],["b","c"],["▁a","b"],["▁","▁"]])");
}

TEST(SentencePieceTokenizer, OrdersMergesOfOneScoreByLength) {
  SentencePieceBuilder builder;
  builder.usual_specials().piece("a").piece("é").piece("aé").piece("aa").piece("aaé");
  builder.trainer.varint(3, kBpe);
  EXPECT_EQ(tokenizer_of(builder)["model"]["merges"].dump(),
            R"([["aa","é"],["a","aé"],["a","é"],["a","a"]])");
  // In characters, not bytes.
  SentencePieceBuilder equal;
  equal.usual_specials().piece("a").piece("é").piece("b").piece("ba").piece("éa");
  equal.trainer.varint(3, kBpe);
  EXPECT_EQ(tokenizer_of(equal)["model"]["merges"].dump(), R"([["b","a"],["é","a"]])");
}

TEST(SentencePieceTokenizer, WritesABpeModel) {
  SentencePieceBuilder builder = bpe_builder();
  builder.trainer.varint(35, 1);
  ordered_json tokenizer = tokenizer_of(builder, {.space_prefix = SpacePrefix::text_start});
  ordered_json model = tokenizer["model"];
  EXPECT_EQ(model["vocab"].size(), 12u);
  EXPECT_EQ(model["vocab"]["▁ab"], 6);
  model.erase("vocab");
  model.erase("merges");
  EXPECT_EQ(model, ordered_json::parse(R"({"type": "BPE", "dropout": null, "unk_token": "<unk>",
      "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": true,
      "byte_fallback": true, "ignore_merges": false})"));
  EXPECT_TRUE(tokenizer["normalizer"].is_null());
  EXPECT_EQ(tokenizer["pre_tokenizer"], ordered_json::parse(R"({"type": "Metaspace",
      "replacement": "▁", "prepend_scheme": "first", "split": false})"));
  EXPECT_EQ(tokenizer["decoder"], ordered_json::parse(R"({"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
      {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})"));
}

TEST(SentencePieceTokenizer, WritesAUnigramModel) {
  SentencePieceBuilder builder = unigram_builder();
  builder.normalizer.bytes(2, "map");
  ordered_json tokenizer = tokenizer_of(builder);
  EXPECT_EQ(tokenizer["model"].dump(),
            R"({"type":"Unigram","unk_id":0,"byte_fallback":false,"vocab":[["<unk>",0.0],)"
            R"(["<s>",0.0],["</s>",0.0],["▁",-3.0],["▁ab",-2.0],["a",-4.0],["b",-4.0]]})");
  EXPECT_EQ(tokenizer["normalizer"], ordered_json::parse(R"({"type": "Sequence", "normalizers": [
      {"type": "Precompiled", "precompiled_charsmap": "bWFw"},
      {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
      {"type": "Replace", "pattern": {"Regex": "\\A | \\z"}, "content": ""},
      {"type": "Prepend", "prepend": "▁"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]})"));
  EXPECT_EQ(tokenizer["pre_tokenizer"]["prepend_scheme"], "never");
  EXPECT_EQ(tokenizer["pre_tokenizer"]["split"], true);
}

TEST(SentencePieceTokenizer, CutsUnigramTextsOnlyWherePiecesAllow) {
  EXPECT_TRUE(tokenizer_of(unigram_builder().piece("a▁b"))["pre_tokenizer"].is_null());
  SentencePieceBuilder no_space;
  no_space.usual_specials().piece("▁a").piece("b");
  EXPECT_TRUE(tokenizer_of(no_space)["pre_tokenizer"].is_null());
}

TEST(SentencePieceTokenizer, NamesItsSpecialTokens) {
  SentencePieceHints hints{.add_bos_token = true, .add_eos_token = true};
  TokenizerDocuments documents = documents_of(bpe_builder().piece("<pad>", 0, 3), hints);
  const ordered_json& config = documents.tokenizer_config_json;
  EXPECT_EQ(config["unk_token"], "<unk>");
  EXPECT_EQ(config["bos_token"], "<s>");
  EXPECT_EQ(config["eos_token"], "</s>");
  EXPECT_EQ(config["pad_token"], "<pad>");
  EXPECT_EQ(config["add_bos_token"], true);
  EXPECT_EQ(config["added_tokens_decoder"]["11"]["special"], false);
  EXPECT_EQ(config["added_tokens_decoder"]["12"]["special"], true);
  EXPECT_EQ(config["added_tokens_decoder"].size(), 5u);
  expect_ids(bpe_builder(), hints, {{"ab", {1, 6, 2}}, {"", {1, 2}}});
}

TEST(SentencePieceTokenizer, WhatIsNotSupportedIsRefusedByName) {
  auto refused = [](const SentencePieceBuilder& builder, std::string_view part) {
    std::string message = testing::error_of([&] { documents_of(builder); });
    EXPECT_EQ(message.rfind("x.model: ", 0), 0u) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  SentencePieceBuilder builder = bpe_builder();
  builder.trainer.varint(3, 4);
  refused(builder, "trainer_spec.model_type 4 is not supported");
  builder = bpe_builder();
  builder.trainer.varint(24, 1);
  refused(builder, "treat_whitespace_as_suffix is not supported");
  builder = bpe_builder();
  builder.normalizer.varint(5, 0);
  refused(builder, "escape_whitespaces = false is not supported");
  refused(bpe_builder().piece("bc"), R"(are both "bc")");
  refused(unigram_builder().piece("a"), R"(piece 7 is the same as another: "a")");
  testing::expect_error(
      [] { documents_of(SentencePieceBuilder().piece("<unk>", 0, 2), {.add_bos_token = true}); },
      "x.model: bos is to be added to every text, but there is no such token");
}

}  // namespace
}  // namespace graft::tokenizer
