#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::tokenizer {
namespace {

using testing::tokenizer_fixture;
using testing::tokenizer_fixture_json;

const nlohmann::json& expected_spans() {
  static const nlohmann::json spans = tokenizer_fixture_json("spans.json");
  return spans;
}

// Begin and end of each token, one after the other.
std::vector<size_t> flat(const Encoding& encoding) {
  std::vector<size_t> ends;
  for (const Span& span : encoding.spans) ends.insert(ends.end(), {span.begin, span.end});
  return ends;
}

Tokenizer parse_document(const nlohmann::json& document) {
  static const std::string charsmap =
      tokenizer_fixture_json("precompiled.json")["charsmap"].get<std::string>();
  std::string text = document.dump();
  for (size_t at = 0; (at = text.find("CHARSMAP", at)) != std::string::npos;) {
    text.replace(at, 8, charsmap);
  }
  return Tokenizer::parse({.tokenizer_json = text, .name = "tokenizer.json"});
}

class TokenSpans : public ::testing::TestWithParam<std::string> {
 protected:
  Tokenizer tokenizer_ = Tokenizer::load(tokenizer_fixture(GetParam()));
  std::vector<std::string> texts_ =
      tokenizer_fixture_json("texts.json").get<std::vector<std::string>>();
};

TEST_P(TokenSpans, AreThoseOfTheReference) {
  const nlohmann::json& expected = expected_spans()["kinds"][GetParam()];
  ASSERT_GT(expected.size(), 30u);
  for (const auto& [index, spans] : expected.items()) {
    const std::string& text = texts_.at(std::stoul(index));
    EXPECT_EQ(flat(tokenizer_.encode_with_spans(text)), spans.get<std::vector<size_t>>()) << text;
  }
}

TEST_P(TokenSpans, ComeWithTheIdsOfEncode) {
  for (bool special : {true, false}) {
    const EncodeOptions options{.add_special_tokens = special};
    std::vector<Encoding> encodings = tokenizer_.encode_batch_with_spans(texts_, options);
    ASSERT_EQ(encodings.size(), texts_.size());
    for (size_t i = 0; i < texts_.size(); ++i) {
      EXPECT_EQ(encodings[i].ids, tokenizer_.encode(texts_[i], options));
      EXPECT_EQ(encodings[i].spans.size(), encodings[i].ids.size());
      EXPECT_EQ(encodings[i].spans, tokenizer_.encode_with_spans(texts_[i], options).spans);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, TokenSpans, ::testing::ValuesIn(testing::kTokenizerKinds),
                         [](const auto& kind) { return kind.param; });

TEST(TokenSpans, OfRandomPipelinesAreThoseOfTheReference) {
  size_t texts = 0;
  for (const nlohmann::json& pipeline : expected_spans()["pipelines"]) {
    Tokenizer tokenizer = parse_document(pipeline["tokenizer"]);
    for (const nlohmann::json& each : pipeline["texts"]) {
      const std::string text = each[0].get<std::string>();
      EXPECT_EQ(flat(tokenizer.encode_with_spans(text)), each[1].get<std::vector<size_t>>())
          << text << "\n"
          << pipeline["tokenizer"]["normalizer"] << pipeline["tokenizer"]["pre_tokenizer"];
      ++texts;
    }
  }
  EXPECT_GT(texts, 100u);
}

// Ids of tokenizers 0.23.3, for which text begins where the first character of the text before
// normalization is.
TEST(TokenSpans, AMetaspaceBeforeTheFirstWordKnowsWhatWasRemoved) {
  using nlohmann::json;
  const auto sequence = [](const char* key, const json& steps) {
    return json{{"type", "Sequence"}, {key, steps}};
  };
  const auto metaspace = [](const char* replacement, const char* scheme) {
    return json{{"type", "Metaspace"},
                {"replacement", replacement},
                {"prepend_scheme", scheme},
                {"split", false}};
  };
  const auto replace = [](const char* pattern, const char* content) {
    return json{{"type", "Replace"}, {"pattern", {{"Regex", pattern}}}, {"content", content}};
  };
  const auto split = [](const char* at, const char* behavior) {
    return json{{"type", "Split"},
                {"pattern", {{"String", at}}},
                {"behavior", behavior},
                {"invert", false}};
  };
  const json strip = {{"type", "Strip"}, {"strip_left", true}, {"strip_right", false}};
  const json first = metaspace("▁", "first"), spells_a = metaspace("a", "always");
  const auto steps = [&](const json& all) { return sequence("pretokenizers", all); };
  struct Case {
    json normalizer, pre_tokenizer;
    std::string text;
    std::vector<int32_t> ids;  // 0 unknown, 1 ▁, 2 a, 3 b, 5 >, 6 <x>
    bool has_spans = true;
  };
  const std::vector<Case> cases = {
      {strip, first, "ab", {1, 2, 3}},
      {strip, first, " ab", {2, 3}},
      {strip, first, " a b", {2, 1, 3}},
      {strip, first, " <x>ab", {6, 2, 3}},
      {replace("^b", ""), first, "ab", {1, 2, 3}},
      {replace("^b", ""), first, "bab", {2, 3}},
      {replace("^", ">"), first, "ab", {1, 5, 2, 3}, false},
      {sequence("normalizers", {replace("^a", ""), replace("^", ">")}),
       first,
       "ab",
       {1, 5, 3},
       false},
      {{{"type", "Prepend"}, {"prepend", ""}}, first, "ab", {1, 2, 3}, false},
      {sequence("normalizers", {strip, {{"type", "Prepend"}, {"prepend", ">"}}}),
       first,
       " ab",
       {5, 2, 3}},
      {{{"type", "NFKC"}}, first, "…ab", {1, 0, 0, 0, 2, 3}},
      {{{"type", "NFKD"}}, steps({split(".", "Isolated"), first}), "…b", {1, 0, 1, 0, 1, 0, 3}},
      {nullptr, steps({split("a", "Removed"), first}), "ab", {3}},
      {nullptr, steps({split("a", "Removed"), first, first}), "ab", {3}},
      {nullptr, steps({spells_a, split("a", "Isolated"), first}), "b b", {1, 2, 1, 3, 2, 3}},
      {nullptr, steps({spells_a, split("a", "Removed"), first}), "b b", {1, 3, 3}},
  };
  for (const Case& one : cases) {
    const Tokenizer tokenizer = parse_document(
        {{"model",
          {{"type", "BPE"},
           {"vocab", {{"<unk>", 0}, {"▁", 1}, {"a", 2}, {"b", 3}, {"ab", 4}, {">", 5}}},
           {"merges", json::array()},
           {"unk_token", "<unk>"}}},
         {"added_tokens", json::array({{{"id", 6},
                                        {"content", "<x>"},
                                        {"normalized", true},
                                        {"special", true},
                                        {"single_word", false},
                                        {"lstrip", false},
                                        {"rstrip", false}}})},
         {"normalizer", one.normalizer},
         {"pre_tokenizer", one.pre_tokenizer}});
    EXPECT_EQ(tokenizer.encode(one.text), one.ids)
        << one.text << one.normalizer << one.pre_tokenizer;
    if (!one.has_spans) continue;
    EXPECT_EQ(tokenizer.encode_with_spans(one.text).ids, one.ids) << one.text << one.normalizer;
  }
}

TEST(TokenSpans, AByteIsInTheFirstTokenThatCoversIt) {
  Encoding encoding =
      Tokenizer::load(tokenizer_fixture("llama3")).encode_with_spans("a\U0001F600 ");
  ASSERT_GT(encoding.ids.size(), 4u);  // <|begin|>, a, parts of the emoji, the space
  EXPECT_EQ(encoding.token_at(0), 1u);
  for (size_t byte = 1; byte < 5; ++byte) EXPECT_EQ(encoding.token_at(byte), 2u);
  EXPECT_EQ(encoding.token_at(5), encoding.ids.size() - 1);
  EXPECT_EQ(encoding.token_at(6), std::nullopt);
}

TEST(TokenSpans, WhatHasNoPlaceInTheTextIsRefused) {
  Tokenizer gpt2 = Tokenizer::load(tokenizer_fixture("gpt2"));
  testing::expect_error([&] { gpt2.encode_with_spans("ab\xFF"); }, "byte 2 is not valid UTF-8");

  nlohmann::json document = {
      {"model",
       {{"type", "BPE"},
        {"vocab", {{"<unk>", 0}}},
        {"merges", nlohmann::json::array()},
        {"unk_token", "<unk>"}}},
      {"normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", "^"}}}, {"content", ">"}}}};
  EXPECT_EQ(parse_document(document).encode("ab").size(), 3u);
  testing::expect_error([&] { parse_document(document).encode_with_spans("ab"); },
                        "at the beginning");

  document["normalizer"] = nullptr;
  document["post_processor"] = {
      {"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}};
  testing::expect_error([&] { parse_document(document).encode_with_spans("ab"); }, "trims offsets");
}

}  // namespace
}  // namespace graft::tokenizer
