#include "graft/tokenizer/unigram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "graft/tokenizer/json_score.h"
#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::tokenizer {
namespace {

using nlohmann::json;

Unigram unigram(const std::vector<std::pair<std::string, double>>& pieces, bool byte_fallback) {
  UnigramModel model;
  for (const auto& [piece, score] : pieces) {
    model.vocabulary.add(piece, static_cast<int32_t>(model.scores.size()));
    model.scores.push_back(score);
  }
  model.byte_fallback = byte_fallback;
  return Unigram(std::move(model));
}

std::vector<int32_t> encode(const Unigram& model, std::string_view word) {
  Unigram::Workspace workspace;
  std::vector<int32_t> ids;
  model.encode(word, workspace, ids);
  return ids;
}

// Ids of the texts with the fixtures' models are in tokenizer_test.cpp. These cases too were put to
// the reference: models.Unigram(pieces, unk_id=0, byte_fallback=...).
TEST(Unigram, TakesTheHighestSum) {
  Unigram model =
      unigram({{"<unk>", 0}, {"a", -1}, {"b", -1}, {"ab", -2}, {"abc", -1.5}, {"c", -3}}, false);
  EXPECT_EQ(encode(model, "ab"), (std::vector<int32_t>{3}));  // of equals the longer: found first
  EXPECT_EQ(encode(model, "abc"), (std::vector<int32_t>{4}));
  EXPECT_EQ(encode(model, "cab"), (std::vector<int32_t>{5, 3}));
  EXPECT_EQ(encode(model, "aab"), (std::vector<int32_t>{1, 3}));
}

TEST(Unigram, RunsOfUnknownCharactersAreOneToken) {
  Unigram model = unigram({{"<unk>", 0}, {"a", -1}, {"xy", -100}}, false);
  EXPECT_EQ(encode(model, "??a?"), (std::vector<int32_t>{0, 1, 0}));
  EXPECT_EQ(encode(model, "éa"), (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(encode(model, "xy"), (std::vector<int32_t>{2}));  // two unknowns cost more than 100
  EXPECT_EQ(encode(model, "<unk>a"), (std::vector<int32_t>{0, 1}));
}

TEST(Unigram, UnknownCharactersFallBackToBytes) {
  Unigram model = unigram(
      {{"<unk>", 0}, {"a", -1}, {"<0xC3>", 0}, {"<0xA9>", 0}, {"<0x3F>", 0}, {"<0xA8>", 0}}, true);
  EXPECT_EQ(encode(model, "aé"), (std::vector<int32_t>{1, 2, 3}));
  EXPECT_EQ(encode(model, "?éa"), (std::vector<int32_t>{4, 2, 3, 1}));
  // One byte without a token spoils the run.
  EXPECT_EQ(encode(model, "éü"), (std::vector<int32_t>{0}));
}

TEST(Unigram, TimeIsLinearInTheLengthOfARun) {
  Unigram model = unigram({{"<unk>", 0}, {"a", -1}, {"aaaa", -2}, {"aaaaaaaaaaaaaaaa", -3}}, false);
  EXPECT_EQ(encode(model, std::string(1 << 20, 'a')).size(), size_t{1} << 16);
  EXPECT_EQ(encode(model, std::string(1 << 20, '?')).size(), 1u);
}

// As models.Unigram of tokenizers 0.23.3 writes them after it has read them: some are exact, some
// not.
TEST(Unigram, ScoresAreThoseThatTheReferenceReads) {
  EXPECT_EQ(json_score("-9.75"), -9.75);
  EXPECT_EQ(json_score("0"), 0.0);
  EXPECT_EQ(json_score("-0.43561181362301915"), -0.4356118136230191);
  EXPECT_EQ(json_score("-12.563669634938593"), -12.563669634938591);
  EXPECT_EQ(json_score("1e3"), 1000.0);
  EXPECT_EQ(json_score("25E-1"), 2.5);
  EXPECT_EQ(json_score("1e400"), std::nullopt);
}

TEST(Unigram, TheConfigsClassDecidesHowScoresAreRead) {
  // Two segmentations, whose sums are equal if the numbers are read exactly.
  const std::string document =
      R"({"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0],
          ["a", -10.452395620415645], ["aa", -20.90479124083129]]}})";
  auto encode = [&](const TokenizerFiles& files) { return Tokenizer::parse(files).encode("aa"); };
  const std::vector<int32_t> one = {2}, two = {1, 1};
  EXPECT_EQ(encode({.tokenizer_json = document}), two);
  EXPECT_EQ(encode({.tokenizer_json = document, .is_converted = true}), one);
  EXPECT_EQ(encode({.tokenizer_json = document,
                    .tokenizer_config_json = R"({"tokenizer_class": "SomeTokenizer"})"}),
            one);
}

TEST(Unigram, BadModelsAreRefused) {
  json good = testing::tokenizer_fixture_json("unigram/tokenizer.json");
  auto refused = [&](const std::function<void(json&)>& change, std::string_view part) {
    json document = good;
    change(document["model"]);
    std::string text = document.dump();
    testing::expect_error([&] { Tokenizer::parse({.tokenizer_json = text, .name = "f"}); }, part);
  };
  refused([](json& m) { m["unk_id"] = nullptr; }, "unk_id");
  refused([](json& m) { m["unk_id"] = 100000; }, "f: model.unk_id: expected");
  refused([](json& m) { m["vocab"][7] = {"x"}; }, "f: model.vocab[7]: expected a token and its sc");
  refused([](json& m) { m["vocab"][7][1] = "x"; }, "f: model.vocab[7]: expected a score");
  refused([](json& m) { m["vocab"][7].push_back(1); }, "f: model.vocab[7]: expected a token");
  refused([](json& m) { m["vocab"][7] = m["vocab"][6]; }, "is there twice");
  refused([](json& m) { m["vocab"] = json::array(); }, "f: model.vocab: is empty");
  refused([](json& m) { m["vocab"] = json::object(); }, "f: model.vocab: expected an array");
  refused([](json& m) { m.erase("vocab"); }, "f: model.vocab: is missing");
  good["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
  refused([](json&) {}, "f: model: a Unigram model with a ByteLevel pre-tokenizer");
}

TEST(Trie, FindsEveryKeyThatATextBeginsWith) {
  std::mt19937 random(3);
  std::set<std::string> keys;
  while (keys.size() < 3000) {
    std::string key;
    for (size_t size = 1 + random() % 6; key.size() < size;) {
      key +=
          random() % 8 == 0 ? static_cast<char>(random()) : static_cast<char>('a' + random() % 3);
    }
    keys.insert(key);
  }
  std::vector<std::string> by_value(keys.begin(), keys.end());
  std::shuffle(by_value.begin(), by_value.end(), random);
  std::vector<Trie::Entry> entries = {{"", 7}};
  for (size_t i = 0; i < by_value.size(); ++i) {
    entries.push_back({by_value[i], static_cast<int32_t>(i)});
  }
  Trie trie(entries);
  for (const std::string& key : by_value) {
    std::string text = key + by_value[random() % by_value.size()];
    std::vector<std::string> found, wanted;
    trie.for_each_prefix(text, [&](size_t size, int32_t value) {
      EXPECT_EQ(by_value[static_cast<size_t>(value)].size(), size);
      found.push_back(by_value[static_cast<size_t>(value)]);
    });
    for (size_t size = 1; size <= text.size(); ++size) {
      if (keys.count(text.substr(0, size)) > 0) wanted.push_back(text.substr(0, size));
    }
    EXPECT_EQ(found, wanted);
  }
  Trie().for_each_prefix("a", [](size_t, int32_t) { ADD_FAILURE(); });
}

}  // namespace
}  // namespace graft::tokenizer
