// Preferences without a prompt of their own: it is what both answers begin with.

#include <gtest/gtest.h>

#include "graft/data/records/formats.h"

namespace graft::data {
namespace {

PreferenceRecord read_implicit_of(const ordered_json& row) {
  return std::get<PreferenceRecord>(read_record(row, format_of(row, {}, "row"), {}, "row"));
}

TEST(ImplicitPreference, OfTexts) {
  for (const std::string prompt : {"\n\nHuman: hi\n\nAssistant:", "[INST] hi [/INST]", "["}) {
    const PreferenceRecord record =
        read_implicit_of({{"chosen", prompt + " yes"}, {"rejected", prompt + " no"}});
    EXPECT_EQ(std::get<PairRecord>(record.chosen).prompt, prompt);
    EXPECT_EQ(std::get<PairRecord>(record.chosen).completion, " yes");
    EXPECT_EQ(std::get<PairRecord>(record.rejected).completion, " no");
  }
}

TEST(ImplicitPreference, EndsItsPromptBehindAWholeCharacter) {
  for (const char* answers : {"\u00e9\u00e8", "\u4e00\u4e01", "\U0001F600\U0001F601"}) {
    const std::string both = answers, one = both.substr(0, both.size() / 2);
    const PreferenceRecord record = read_implicit_of(
        {{"chosen", "Q: \u00e9" + one}, {"rejected", "Q: \u00e9" + both.substr(one.size())}});
    EXPECT_EQ(std::get<PairRecord>(record.chosen).prompt, "Q: \u00e9");
    EXPECT_EQ(std::get<PairRecord>(record.chosen).completion, one);
  }
}

TEST(ImplicitPreference, OfChatsThatATablesCellsHold) {
  const std::string before =
      R"([{"role": "user", "content": "hi"}, {"role": "assistant", "content": ")";
  const PreferenceRecord record =
      read_implicit_of({{"chosen", before + "yes\"}]"}, {"rejected", " " + before + "no\"}]"}});
  EXPECT_EQ(std::get<ChatRecord>(record.chosen).prompt_messages, 1u);
  EXPECT_EQ(std::get<ChatRecord>(record.rejected).variables["messages"][1]["content"], "no");
}

}  // namespace
}  // namespace graft::data
