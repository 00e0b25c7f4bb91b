#include "graft/hub/card_metadata.h"

#include <gtest/gtest.h>

#include "tests/support/recording_front_end.h"

namespace graft::hub {
namespace {

CardMetadata metadata_of(const std::string& card) {
  return card_metadata(card, *silent_front_end());
}

TEST(CardMetadata, TakesScalarsAndListsOfScalars) {
  const CardMetadata found = metadata_of(
      "---\r\nlicense: apache-2.0\nlanguage: [en, \"de\"]\ndatasets:\n  - a/b # the first\n  - "
      "'c/d'\n"
      "nested: {a: 1}\nmixed: [1, [2], x]\nempty:\ntext: >\n  folded\n  text\n---\nlicense: mit\n");
  ASSERT_EQ(found.at("license").items, std::vector<std::string>{"apache-2.0"});
  EXPECT_FALSE(found.at("license").is_list);
  EXPECT_EQ(found.at("language").items, (std::vector<std::string>{"en", "de"}));
  EXPECT_EQ(found.at("datasets").items, (std::vector<std::string>{"a/b", "c/d"}));
  EXPECT_TRUE(found.at("datasets").is_list);
  EXPECT_EQ(found.at("mixed").items, (std::vector<std::string>{"1", "x"}));
  EXPECT_EQ(found.count("nested") + found.count("empty") + found.count("text"), 0u);
}

TEST(CardMetadata, NothingOfACardWithoutYamlOrWithABrokenOne) {
  for (const char* card :
       {"", "# A model\n---\nlicense: mit\n---\n", "---\nlicense: mit\n",
        "--- \nlicense: mit\n---\n", "---\n- a\n- b\n---\n", "---\nlicense: [mit\n---\n",
        "---\n\tlicense: mit\n---\n", "---\na: *nothing\n---\n", "---\nplain\n---\n"}) {
    EXPECT_TRUE(metadata_of(card).empty()) << card;
  }
  testing::RecordingFrontEnd told;
  card_metadata("---\nlicense: [mit\n---\n", told);
  ASSERT_EQ(told.warnings.size(), 1u);
  EXPECT_NE(told.warnings[0].find("the YAML of the original's card is broken"), std::string::npos);
  const std::string repeated =
      "---\na: &a " + std::string(500'000, 'x') + "\nb: [*a, *a]\nc: d\n---\n";
  EXPECT_EQ(metadata_of(repeated).size(), 1u);
  const std::string deep = "---\na: " + std::string(100000, '[') + "\n---\n";
  EXPECT_TRUE(metadata_of(deep).empty());
}

}  // namespace
}  // namespace graft::hub
