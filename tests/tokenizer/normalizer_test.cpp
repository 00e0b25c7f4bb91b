#include "graft/tokenizer/normalizer.h"

#include <gtest/gtest.h>

#include "tests/support/tokenizer_fixtures.h"

namespace graft {
namespace {

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
  Normalizer both({NormalForm::nfd, NormalForm::nfkc});
  EXPECT_EQ(both.apply("e\u0301\u2460\uFB01"), "\u00E91fi");
  EXPECT_EQ(Normalizer().apply("e\u0301"), "e\u0301");
}

TEST(Normalizer, KnowsTextThatStays) {
  Normalizer nfc({NormalForm::nfc}), nfd({NormalForm::nfd});
  EXPECT_TRUE(nfc.leaves("caf\u00E9"));
  EXPECT_FALSE(nfd.leaves("caf\u00E9"));
  EXPECT_FALSE(nfc.leaves("cafe\u0301"));
  EXPECT_TRUE(Normalizer().leaves("plain"));
}

TEST(Normalizer, ALongRunOfMarksTakesNoQuadraticTime) {
  std::string marks = "a", sorted = "a";
  for (int i = 0; i < 100000; ++i) marks += "\u0301\u0323";
  for (int i = 0; i < 100000; ++i) sorted += "\u0323";
  for (int i = 0; i < 100000; ++i) sorted += "\u0301";
  EXPECT_EQ(normalize(NormalForm::nfd, marks), sorted);
}

}  // namespace
}  // namespace graft
