#include "graft/tokenizer/normalizer.h"

#include <gtest/gtest.h>

#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::tokenizer {
namespace {

using NormalizerSteps = std::vector<Normalizer::Step>;

TEST(Normalizer, FormsAreThoseOfTheReference) {
  nlohmann::json fixture = testing::tokenizer_fixture_json("normal_forms.json");
  const std::pair<const char*, NormalForm> forms[] = {{"NFC", NormalForm::nfc},
                                                      {"NFD", NormalForm::nfd},
                                                      {"NFKC", NormalForm::nfkc},
                                                      {"NFKD", NormalForm::nfkd}};
  ASSERT_GT(fixture["strings"].size(), 100u);
  for (const auto& [name, form] : forms) {
    for (size_t i = 0; i < fixture["strings"].size(); ++i) {
      auto text = fixture["strings"][i].get<std::string>();
      EXPECT_EQ(normalize(form, text), fixture[name][i].get<std::string>()) << name << ": " << text;
    }
  }
}

TEST(Normalizer, TakesFormsInTurn) {
  Normalizer both(NormalizerSteps{NormalForm::nfd, NormalForm::nfkc});
  EXPECT_EQ(both.apply("e\u0301\u2460\uFB01"), "\u00E91fi");
  EXPECT_EQ(Normalizer().apply("e\u0301"), "e\u0301");
}

TEST(Normalizer, KnowsTextThatStays) {
  Normalizer nfc(NormalizerSteps{NormalForm::nfc}), nfd(NormalizerSteps{NormalForm::nfd});
  EXPECT_TRUE(nfc.leaves("caf\u00E9"));
  EXPECT_FALSE(nfd.leaves("caf\u00E9"));
  EXPECT_FALSE(nfc.leaves("cafe\u0301"));
  EXPECT_TRUE(Normalizer().leaves("plain"));
}

TEST(Normalizer, StepsThatAreNoForms) {
  using Strip = Normalizer::Strip;
  auto apply = [](Normalizer::Step step, std::string_view text) {
    Normalizer normalizer(NormalizerSteps{std::move(step)});
    EXPECT_FALSE(normalizer.leaves("a"));
    return normalizer.apply(text);
  };
  EXPECT_EQ(apply(Normalizer::Prepend{"\u2581"}, "a b"), "\u2581a b");
  EXPECT_EQ(apply(Normalizer::Prepend{"\u2581"}, ""), "");
  EXPECT_EQ(apply(Strip{true, false}, "\u2003 \n a \u00A0"), "a \u00A0");
  EXPECT_EQ(apply(Strip{false, true}, "\u2003a \u200B\u3000\u0085"), "\u2003a \u200B");
  EXPECT_EQ(apply(Strip{true, true}, " \t\u2028 "), "");
  EXPECT_EQ(apply(Normalizer::Lowercase{}, "\u00C0\u0130\u03A3\u1E9E!"),
            "\u00E0i\u0307\u03C3\u00DF!");
  EXPECT_EQ(apply(Replacement("aa", "b"), "aaaaa aa"), "bba b");
  EXPECT_EQ(apply(Replacement("", "b"), "aa"), "aa");
  EXPECT_EQ(apply(Replacement(regex::Regex(R"(\d+)", "test"), "$0"), "a12b\u0663"), "a$0b$0");
}

// The map of precompiled.json, put into a tokenizer.json.
TEST(Normalizer, PrecompiledIsReadFromTheFile) {
  nlohmann::json cases = testing::tokenizer_fixture_json("precompiled.json");
  nlohmann::json document = {
      {"normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", cases["charsmap"]}}},
      {"model",
       {{"vocab", {{"a", 0}, {"1", 1}, {"/", 2}, {"2", 3}}}, {"merges", nlohmann::json::array()}}}};
  auto encode = [&](std::string_view text) {
    return Tokenizer::parse({.tokenizer_json = document.dump()}).encode(text);
  };
  EXPECT_EQ(encode("A\u00BD"), (std::vector<int32_t>{0, 1, 2, 3}));
  document["normalizer"]["precompiled_charsmap"] = "no base64!";
  testing::expect_error([&] { encode("a"); }, "normalizer.precompiled_charsmap: expected base64");
  document["normalizer"]["precompiled_charsmap"] = "AAAA";
  testing::expect_error([&] { encode("a"); }, "normalizer.precompiled_charsmap");
}

TEST(Normalizer, ALongRunOfMarksTakesNoQuadraticTime) {
  std::string marks = "a", sorted = "a";
  for (int i = 0; i < 100000; ++i) marks += "\u0301\u0323";
  for (int i = 0; i < 100000; ++i) sorted += "\u0323";
  for (int i = 0; i < 100000; ++i) sorted += "\u0301";
  EXPECT_EQ(normalize(NormalForm::nfd, marks), sorted);
}

}  // namespace
}  // namespace graft::tokenizer
