#include "graft/tokenizer/tiktoken_tokenizer.h"

#include <gtest/gtest.h>

#include "graft/tokenizer/base64.h"
#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"

namespace graft::tokenizer {
namespace {

using nlohmann::ordered_json;
using Ids = std::vector<int32_t>;

std::string line(std::string_view token, size_t rank) {
  return base64_encode(token) + " " + std::to_string(rank) + "\n";
}

// All bytes, each with its value for a rank, and these.
std::string file_of(const std::vector<std::string>& tokens) {
  std::string text;
  for (size_t i = 0; i < 256; ++i) text += line(std::string(1, static_cast<char>(i)), i);
  for (size_t i = 0; i < tokens.size(); ++i) text += line(tokens[i], 256 + i);
  return text;
}

// abc is reached by no merges, and two ways lead to aaaa.
const std::string kFile = file_of({"aaa", "aaaa", "aa", "abc", " a", "\xC3\xA9"});

const TiktokenHints kLlama = {.model_type = "llama"};
const TiktokenHints kQwen = {.tokenizer_class = "QWenTokenizer"};

TokenizerDocuments documents_of(const std::string& file, const TiktokenHints& hints) {
  return tiktoken_tokenizer(file, hints, "x.tiktoken");
}

Tokenizer tokenizer_of(const TiktokenHints& hints) {
  TokenizerDocuments documents = documents_of(kFile, hints);
  return Tokenizer::parse({.tokenizer_json = documents.tokenizer_json.dump(),
                           .tokenizer_config_json = documents.tokenizer_config_json.dump()});
}

TEST(TiktokenTokenizer, MergesByRank) {
  ordered_json model = documents_of(kFile, kLlama).tokenizer_json["model"];
  // Of one result by the ids of its parts: aaa + a before aa + aa.
  EXPECT_EQ(model["merges"].dump(), R"([["a","aa"],["aa","a"],["a","aaa"],["aaa","a"],)"
                                    R"(["aa","aa"],["a","a"],["Ġ","a"],["Ã","©"]])");
  EXPECT_EQ(model["ignore_merges"], true);
  EXPECT_EQ(model["vocab"]["Ġa"], 260);
  Tokenizer tokenizer = tokenizer_of(kLlama);
  EXPECT_EQ(tokenizer.encode("abc"), Ids{259});
  EXPECT_EQ(tokenizer.encode("aaaaa"), (Ids{257, 'a'}));
  EXPECT_EQ(tokenizer.encode("b a\xC3\xA9"), (Ids{'b', 260, 261}));
}

TEST(TiktokenTokenizer, KnowsLlama3ByItsModelType) {
  TokenizerDocuments documents = documents_of(kFile, kLlama);
  EXPECT_TRUE(documents.tokenizer_json["normalizer"].is_null());
  const ordered_json& added = documents.tokenizer_json["added_tokens"];
  ASSERT_EQ(added.size(), 256u);
  EXPECT_EQ(added[9]["content"], "<|eot_id|>");
  EXPECT_EQ(added[9]["id"], 271);
  EXPECT_EQ(added[255]["content"], "<|reserved_special_token_245|>");
  EXPECT_EQ(documents.tokenizer_config_json["bos_token"], "<|begin_of_text|>");
  EXPECT_EQ(documents.tokenizer_config_json["eos_token"], "<|end_of_text|>");
  EXPECT_EQ(tokenizer_of(kLlama).encode("1234<|eot_id|>"), (Ids{'1', '2', '3', '4', 271}));
  EXPECT_EQ(tokenizer_of({.model_type = "llama", .add_bos_token = true}).encode("a"),
            (Ids{262, 'a'}));
}

TEST(TiktokenTokenizer, KnowsLlama4ByItsModelType) {
  TokenizerDocuments documents = documents_of(kFile, {.model_type = "llama4"});
  const ordered_json& added = documents.tokenizer_json["added_tokens"];
  ASSERT_EQ(added.size(), 2048u);
  // The ids of Llama 4 less its 200000 ranks.
  EXPECT_EQ(added[8]["content"], "<|eot|>");
  EXPECT_EQ(added[18]["content"], "<|finetune_right_pad|>");
  EXPECT_EQ(added[80]["content"], "<|image_start|>");
  EXPECT_EQ(added[92]["content"], "<|patch|>");
  EXPECT_EQ(added[1143]["content"], "<|reasoning_thinking_end|>");
  EXPECT_EQ(added[2047]["content"], "<|reserved_special_token_903|>");
}

TEST(TiktokenTokenizer, KnowsQwenByItsClass) {
  TokenizerDocuments documents = documents_of(kFile, kQwen);
  EXPECT_EQ(documents.tokenizer_json["normalizer"]["type"], "NFC");
  EXPECT_EQ(documents.tokenizer_json["added_tokens"].size(), 208u);
  EXPECT_EQ(documents.tokenizer_json["added_tokens"][207]["content"], "<|extra_204|>");
  EXPECT_TRUE(documents.tokenizer_config_json["bos_token"].is_null());
  EXPECT_EQ(documents.tokenizer_config_json["eos_token"], "<|endoftext|>");
  EXPECT_EQ(tokenizer_of(kQwen).encode("e\xCC\x81"), Ids{261});
  EXPECT_EQ(documents_of(kFile, {.tokenizer_class = "Qwen2TokenizerFast"}).tokenizer_json,
            documents.tokenizer_json);
}

TEST(TiktokenTokenizer, TakesTheFoldersSpecialTokens) {
  TiktokenHints hints = kLlama;
  hints.added = {{.id = 264, .content = "<end>", .special = true},
                 {.id = 262, .content = "<mask>", .lstrip = true}};
  hints.eos_token = "<end>";
  TokenizerDocuments documents = documents_of(kFile, hints);
  const ordered_json& added = documents.tokenizer_json["added_tokens"];
  ASSERT_EQ(added.size(), 3u);
  EXPECT_EQ(added[0]["content"], "<mask>");
  EXPECT_EQ(added[0]["lstrip"], true);
  EXPECT_EQ(added[1]["content"], "<|reserved_token_263|>");
  EXPECT_EQ(added[2]["id"], 264);
  EXPECT_TRUE(documents.tokenizer_config_json["bos_token"].is_null());
  EXPECT_EQ(documents.tokenizer_config_json["eos_token"], "<end>");
}

TEST(TiktokenTokenizer, BadFilesAreRefused) {
  auto refused = [](const std::string& file, const TiktokenHints& hints, std::string_view part) {
    std::string message = testing::error_of([&] { documents_of(file, hints); });
    EXPECT_EQ(message.rfind("x.tiktoken: ", 0), 0u) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  refused("", kLlama, "has no tokens");
  refused("IQ== 0\nIg==\n", kLlama, "line 2: expected a token in base64 and its rank");
  refused("IQ= 0\n", kLlama, "line 1: expected");
  refused("IQ== 0x\n", kLlama, "line 1: expected");
  refused("IQ== 99999999999999999999\n", kLlama, "line 1: expected");
  refused(" 0\n", kLlama, "line 1: expected");
  refused("IQ== 1\n", kLlama, "rank 1 of 1 tokens");
  refused("IQ== -1\n", kLlama, "rank -1 of 1 tokens");
  refused("IQ== 0\nIg== 0\n", kLlama, "two tokens have rank 0");
  refused("IQ== 0\n", kLlama, "has no token for the byte 0x00");
  refused(file_of({"aa", "aa"}), kLlama, "tokens 256 and 257 are both");
}

TEST(TiktokenTokenizer, AnUnknownFamilyIsRefused) {
  testing::expect_error([] { documents_of(kFile, {}); },
                        "x.tiktoken: 262 tokens of an unknown family");
  testing::expect_error(
      [] {
        documents_of(kFile, {.tokenizer_class = "TikTokenTokenizer", .model_type = "kimi_k2"});
      },
      {R"(model type "kimi_k2", tokenizer class "TikTokenTokenizer")",
       "known are Llama 3, Llama 4, Qwen"});
}

TEST(TiktokenTokenizer, BadHintsAreRefused) {
  TiktokenHints hints = kLlama;
  hints.added = {{.id = 5, .content = "<end>"}};
  testing::expect_error([&] { documents_of(kFile, hints); }, R"("<end>" has id 5, which another)");
  hints.added = {{.id = 262, .content = "<a>"}, {.id = 262, .content = "<b>"}};
  testing::expect_error([&] { documents_of(kFile, hints); }, R"("<b>" has id 262, which another)");
  hints.added = {{.id = 1 << 20, .content = "<end>"}};
  testing::expect_error([&] { documents_of(kFile, hints); }, "too far behind the 262 tokens");
  hints.added.clear();
  hints.bos_token = "<begin>";
  testing::expect_error([&] { documents_of(kFile, hints); },
                        "bos_token is \"<begin>\", which is no");
  testing::expect_error([] { documents_of(kFile, {.model_type = "qwen", .add_bos_token = true}); },
                        "x.tiktoken: add_bos_token is true, but there is no such token");
}

TEST(TiktokenTokenizer, LineEndsMayBeOfAnyKind) {
  std::string file = kFile;
  for (size_t at = 0; (at = file.find('\n', at)) != std::string::npos; at += 2) {
    file.replace(at, 1, "\r\n");
  }
  file.resize(file.size() - 2);
  EXPECT_EQ(documents_of(file, kLlama).tokenizer_json, documents_of(kFile, kLlama).tokenizer_json);
}

TEST(TiktokenTokenizer, IsKnownByItsBeginning) {
  EXPECT_TRUE(looks_like_tiktoken(kFile));
  EXPECT_TRUE(looks_like_tiktoken("IQ== 0"));
  EXPECT_FALSE(looks_like_tiktoken(""));
  EXPECT_FALSE(looks_like_tiktoken("\n"));
  EXPECT_FALSE(looks_like_tiktoken("{\"version\": \"1.0\"}"));
  EXPECT_FALSE(looks_like_tiktoken("\x0A\x0E\x0A\x05<unk>"));
  EXPECT_FALSE(looks_like_tiktoken("version https://git-lfs.github.com/spec/v1\n"));
}

}  // namespace
}  // namespace graft::tokenizer
