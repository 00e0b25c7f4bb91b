#include "graft/tokenizer/tekken_tokenizer.h"

#include <gtest/gtest.h>

#include <functional>

#include "graft/tokenizer/base64.h"
#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"

namespace graft::tokenizer {
namespace {

using nlohmann::ordered_json;
using Ids = std::vector<int32_t>;

// All bytes and some tokens more; one is spelled as a special token.
ordered_json small_file() {
  std::vector<std::string> tokens;
  for (int i = 0; i < 256; ++i) tokens.emplace_back(1, static_cast<char>(i));
  for (const char* token : {"ab", "<s", "<s>", "abc", "left out"}) tokens.emplace_back(token);
  ordered_json file;
  file["config"] = {{"pattern", R"(\p{N}| ?[^\s\p{N}]+|\s+)"},
                    {"num_vocab_tokens", 300},
                    {"default_vocab_size", 266},
                    {"default_num_special_tokens", 6},
                    {"version", "v3"}};
  for (size_t rank = 0; rank < tokens.size(); ++rank) {
    file["vocab"].push_back(
        {{"rank", rank}, {"token_bytes", base64_encode(tokens[rank])}, {"token_str", nullptr}});
  }
  file["special_tokens"] = {{{"rank", 1}, {"token_str", "<s>"}, {"is_control", true}},
                            {{"rank", 0}, {"token_str", "<unk>"}, {"is_control", true}},
                            {{"rank", 2}, {"token_str", "</s>"}, {"is_control", true}},
                            {{"rank", 3}, {"token_str", "[INST]"}, {"is_control", true}}};
  file["image"] = {{"max_image_size", 1024}};
  return file;
}

TokenizerDocuments documents_of(const ordered_json& file) {
  return tekken_tokenizer(file.dump(), "tekken.json");
}

TEST(TekkenTokenizer, PutsSpecialTokensBeforeTheRanks) {
  TokenizerDocuments documents = documents_of(small_file());
  const ordered_json& tokenizer = documents.tokenizer_json;
  ASSERT_EQ(tokenizer["added_tokens"].size(), 6u);
  EXPECT_EQ(tokenizer["added_tokens"][3]["content"], "[INST]");
  EXPECT_EQ(tokenizer["added_tokens"][5]["content"], "<SPECIAL_5>");
  EXPECT_EQ(tokenizer["added_tokens"][5]["id"], 5);
  EXPECT_EQ(tokenizer["added_tokens"][5]["special"], true);
  EXPECT_EQ(documents.tokenizer_config_json["bos_token"], "<s>");
  EXPECT_EQ(documents.tokenizer_config_json["eos_token"], "</s>");
  EXPECT_EQ(documents.tokenizer_config_json["unk_token"], "<unk>");
  EXPECT_TRUE(documents.tokenizer_config_json["pad_token"].is_null());
  EXPECT_EQ(documents.tokenizer_config_json["add_bos_token"], false);
  EXPECT_EQ(tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"],
            small_file()["config"]["pattern"]);
}

TEST(TekkenTokenizer, ShiftsAndCutsTheVocabulary) {
  ordered_json model = documents_of(small_file()).tokenizer_json["model"];
  EXPECT_EQ(model["vocab"]["ab"], 262);
  EXPECT_EQ(model["vocab"]["abc"], 265);
  EXPECT_EQ(model["vocab"]["<s>"], 1);  // not 264
  EXPECT_FALSE(model["vocab"].contains("leftĠout"));
  EXPECT_EQ(model["vocab"].size(), 6u + 256 + 3);
  EXPECT_EQ(model["merges"].dump(), R"([["a","b"],["<","s"],["<s",">"],["ab","c"]])");
  EXPECT_EQ(model["ignore_merges"], true);
}

TEST(TekkenTokenizer, GivesIds) {
  TokenizerDocuments documents = documents_of(small_file());
  Tokenizer tokenizer =
      Tokenizer::parse({.tokenizer_json = documents.tokenizer_json.dump(),
                        .tokenizer_config_json = documents.tokenizer_config_json.dump()});
  EXPECT_EQ(tokenizer.encode("abc ab<s>[INST]"), (Ids{265, 6 + ' ', 262, 1, 3}));
  EXPECT_EQ(tokenizer.decode(Ids{265, 6 + ' ', 262, 1, 3}), "abc ab<s>[INST]");
}

TEST(TekkenTokenizer, OldFilesHaveTheOldSpecialTokens) {
  ordered_json file = small_file();
  file.erase("special_tokens");
  file["config"]["default_num_special_tokens"] = 22;
  file["config"]["default_vocab_size"] = 22 + 260;
  ordered_json added = documents_of(file).tokenizer_json["added_tokens"];
  ASSERT_EQ(added.size(), 22u);
  EXPECT_EQ(added[3]["content"], "[INST]");
  EXPECT_EQ(added[11]["content"], "<pad>");
  EXPECT_EQ(added[19]["content"], "[TOOL_CONTENT]");
  EXPECT_EQ(added[21]["content"], "<SPECIAL_21>");
}

TEST(TekkenTokenizer, SizesMayBeMissing) {
  ordered_json file = small_file();
  file["config"].erase("default_num_special_tokens");
  file["config"].erase("default_vocab_size");
  ordered_json tokenizer = documents_of(file).tokenizer_json;
  EXPECT_EQ(tokenizer["added_tokens"].size(), 4u);
  EXPECT_EQ(tokenizer["model"]["vocab"]["leftĠout"], 4 + 260);
}

TEST(TekkenTokenizer, BadFilesAreRefused) {
  auto refused = [](const std::function<void(ordered_json&)>& change, std::string_view part) {
    ordered_json file = small_file();
    change(file);
    std::string message = testing::error_of([&] { documents_of(file); });
    EXPECT_EQ(message.rfind("tekken.json: ", 0), 0u) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  refused([](auto& f) { f.erase("config"); }, "has no \"config\"");
  refused([](auto& f) { f.erase("vocab"); }, "has no \"vocab\"");
  refused([](auto& f) { f["config"].erase("pattern"); }, "config: has no \"pattern\"");
  refused([](auto& f) { f["vocab"][9]["rank"] = 8; }, "vocab[9]: has rank 8");
  refused([](auto& f) { f["vocab"][9].erase("rank"); }, "vocab[9]: has rank -1");
  refused([](auto& f) { f["vocab"][9]["token_bytes"] = "A"; },
          "vocab[9]: expected \"token_bytes\"");
  refused([](auto& f) { f["vocab"][9].erase("token_bytes"); }, "vocab[9]: expected");
  refused([](auto& f) { f["vocab"][9]["token_bytes"] = "YWE="; }, "no token for the byte 0x09");
  refused([](auto& f) { f["config"]["default_vocab_size"] = 1000; },
          "vocab has 261 tokens, but default_vocab_size wants 994");
  refused([](auto& f) { f["config"]["default_vocab_size"] = 6; }, "config.default_vocab_size");
  refused([](auto& f) { f["config"]["default_num_special_tokens"] = 3; },
          "config.default_num_special_tokens: expected a whole number from 4");
  refused([](auto& f) { f["config"]["default_num_special_tokens"] = int64_t{1} << 40; },
          "config.default_num_special_tokens");
  refused([](auto& f) { f["special_tokens"][1]["rank"] = 1; }, "special_tokens[1].rank");
  refused([](auto& f) { f["special_tokens"][1]["rank"] = 4; }, "special_tokens[1].rank");
  refused([](auto& f) { f["special_tokens"][1]["token_str"] = ""; }, "special_tokens[1].token_str");
  refused([](auto& f) { f["special_tokens"][1]["token_str"] = "<s>"; }, "\"<s>\" is there twice");
  testing::expect_error([] { tekken_tokenizer("{\"config\"", "tekken.json"); }, "tekken.json");
  testing::expect_error([] { tekken_tokenizer("{\"\xFF\": 1}", "tekken.json"); },
                        "tekken.json: byte 2: not valid UTF-8");
}

}  // namespace
}  // namespace graft::tokenizer
