#include "graft/tokenizer/gguf_tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::tokenizer {
namespace {

using nlohmann::json;

// The metadata that a GGUF file of a fixture's tokenizer has.
GgufTokenizer metadata_of(const std::string& kind, const std::string& pre) {
  json document = testing::tokenizer_fixture_json(kind + "/tokenizer.json");
  GgufTokenizer gguf{.model = "gpt2", .pre = pre};
  auto set = [&](const std::string& token, int64_t id, int32_t type) {
    size_t index = static_cast<size_t>(id);
    gguf.tokens.resize(std::max(gguf.tokens.size(), index + 1));
    gguf.token_types.resize(gguf.tokens.size(), 1);
    gguf.tokens[index] = token;
    gguf.token_types[index] = type;
  };
  for (const auto& [token, id] : document["model"]["vocab"].items()) set(token, id, 1);
  for (const json& token : document["added_tokens"]) {
    set(token["content"], token["id"], token["special"] ? 3 : 4);
  }
  for (const json& merge : document["model"]["merges"]) {
    gguf.merges.push_back(merge.is_string()
                              ? merge.get<std::string>()
                              : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  }
  return gguf;
}

Tokenizer tokenizer_of(const TokenizerDocuments& documents) {
  return Tokenizer::parse({.tokenizer_json = documents.tokenizer_json.dump(),
                           .tokenizer_config_json = documents.tokenizer_config_json.dump()});
}

void expect_fixture_ids(const GgufTokenizer& gguf, const std::string& kind) {
  Tokenizer tokenizer = tokenizer_of(convert_gguf_tokenizer(gguf, "x.gguf"));
  auto texts = testing::tokenizer_fixture_json("texts.json").get<std::vector<std::string>>();
  json expected = testing::tokenizer_fixture_json(kind + "/expected.json");
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer.encode(texts[i]), expected["ids"][i].get<std::vector<int32_t>>())
        << texts[i];
  }
}

TEST(GgufTokenizer, GivesTheIdsOfTheOriginal) {
  expect_fixture_ids(metadata_of("smollm", "smollm"), "smollm");
  expect_fixture_ids(metadata_of("gpt2", "gpt-2"), "gpt2");
  expect_fixture_ids(metadata_of("qwen2", "qwen2"), "qwen2");
  GgufTokenizer llama3 = metadata_of("llama3", "llama-bpe");
  llama3.bos_token_id = 504;  // added to every text, since the file does not forbid it
  expect_fixture_ids(llama3, "llama3");
}

TEST(GgufTokenizer, WritesWhatTransformersReads) {
  GgufTokenizer gguf = metadata_of("smollm", "smollm");
  gguf.bos_token_id = 1;
  gguf.eos_token_id = 2;
  gguf.unk_token_id = 0;
  gguf.pad_token_id = 2;
  gguf.add_bos_token = false;
  gguf.chat_template = "{{ messages }}";
  gguf.context_length = 8192;
  TokenizerDocuments documents = convert_gguf_tokenizer(gguf, "x.gguf");
  const auto& config = documents.tokenizer_config_json;
  EXPECT_EQ(config["tokenizer_class"], "PreTrainedTokenizerFast");
  EXPECT_EQ(config["bos_token"], "<|im_start|>");
  EXPECT_EQ(config["eos_token"], "<|im_end|>");
  EXPECT_EQ(config["unk_token"], "<|endoftext|>");
  EXPECT_EQ(config["pad_token"], "<|im_end|>");
  EXPECT_EQ(config["add_bos_token"], false);
  EXPECT_EQ(config["chat_template"], "{{ messages }}");
  EXPECT_EQ(config["model_max_length"], 8192);
  EXPECT_EQ(config["added_tokens_decoder"]["2"]["content"], "<|im_end|>");
  EXPECT_EQ(config["added_tokens_decoder"].size(), 4u);

  json original = testing::tokenizer_fixture_json("smollm/tokenizer.json");
  const auto& written = documents.tokenizer_json;
  EXPECT_EQ(json(written["model"]["vocab"]), original["model"]["vocab"]);
  EXPECT_EQ(json(written["pre_tokenizer"]), original["pre_tokenizer"]);
  EXPECT_EQ(json(written["added_tokens"]), original["added_tokens"]);
  EXPECT_EQ(tokenizer_of(documents).eos_id(), 2);
}

TEST(GgufTokenizer, PutsBeginAndEndAroundTextsOnDemand) {
  GgufTokenizer gguf = metadata_of("smollm", "smollm");
  gguf.bos_token_id = 1;
  gguf.eos_token_id = 2;
  gguf.add_bos_token = true;
  Tokenizer begins = tokenizer_of(convert_gguf_tokenizer(gguf, "x.gguf"));
  EXPECT_EQ(begins.encode(""), (std::vector<int32_t>{1}));
  gguf.add_eos_token = true;
  Tokenizer both = tokenizer_of(convert_gguf_tokenizer(gguf, "x.gguf"));
  EXPECT_EQ(both.encode(""), (std::vector<int32_t>{1, 2}));
}

TEST(GgufTokenizer, LeavesOutPadding) {
  GgufTokenizer gguf = metadata_of("qwen2", "qwen2");
  size_t size = gguf.tokens.size();
  for (size_t i = size; i < size + 10; ++i) {
    gguf.tokens.push_back("[PAD" + std::to_string(i) + "]");
    gguf.token_types.push_back(5);
  }
  EXPECT_EQ(tokenizer_of(convert_gguf_tokenizer(gguf, "x.gguf")).vocab_size(), size);
  expect_fixture_ids(gguf, "qwen2");
}

// SentencePiece's, as Llama 2's: ▁▁ has a low id and a bad score.
GgufTokenizer llama_metadata() {
  return {.model = "llama",
          .tokens = {"<unk>", "<s>", "</s>", "<0x0A>", "▁▁", "▁a", "bc", "▁ab", "▁", "a", "b", "c",
                     "<mask>"},
          .scores = {0, 0, 0, 0, -9, -1, -2, -3, -4, -5, -6, -7, 0},
          .token_types = {2, 3, 3, 6, 1, 1, 1, 1, 1, 1, 1, 1, 4},
          .bos_token_id = 1,
          .eos_token_id = 2,
          .unk_token_id = 0};
}

TEST(GgufTokenizer, ReadsSentencePiecesKind) {
  TokenizerDocuments documents = convert_gguf_tokenizer(llama_metadata(), "x.gguf");
  EXPECT_EQ(documents.tokenizer_json["model"]["merges"].dump(),
            R"([["▁","a"],["b","c"],["▁a","b"],["▁","▁"]])");
  EXPECT_EQ(documents.tokenizer_json["model"]["byte_fallback"], true);
  EXPECT_EQ(documents.tokenizer_json["pre_tokenizer"]["prepend_scheme"], "first");
  EXPECT_EQ(documents.tokenizer_json["added_tokens"].size(), 4u);
  EXPECT_EQ(documents.tokenizer_config_json["unk_token"], "<unk>");
  EXPECT_EQ(documents.tokenizer_config_json["eos_token"], "</s>");
  Tokenizer tokenizer = tokenizer_of(documents);
  EXPECT_EQ(tokenizer.encode("abc"), (std::vector<int32_t>{1, 5, 6}));
  EXPECT_EQ(tokenizer.encode("\n  a</s>b"), (std::vector<int32_t>{1, 8, 3, 8, 5, 2, 10}));
}

TEST(GgufTokenizer, SentencePiecesKindFollowsTheFlags) {
  GgufTokenizer gguf = llama_metadata();
  gguf.add_bos_token = false;
  gguf.add_eos_token = true;
  gguf.add_space_prefix = false;
  gguf.chat_template = "{{ messages }}";
  TokenizerDocuments documents = convert_gguf_tokenizer(gguf, "x.gguf");
  EXPECT_EQ(tokenizer_of(documents).encode("abc"), (std::vector<int32_t>{9, 6, 2}));
  EXPECT_EQ(documents.tokenizer_config_json["chat_template"], "{{ messages }}");
  gguf.merges = {"a b", "▁ a"};
  gguf.tokens[4] = "ab";
  gguf.scores.clear();
  EXPECT_EQ(convert_gguf_tokenizer(gguf, "x.gguf").tokenizer_json["model"]["merges"].dump(),
            R"(["a b","▁ a"])");
}

TEST(GgufTokenizer, BadMetadataOfSentencePiecesKindIsRefusedByKey) {
  auto refused = [](const std::function<void(GgufTokenizer&)>& change, std::string_view part) {
    GgufTokenizer gguf = llama_metadata();
    change(gguf);
    testing::expect_error([&] { convert_gguf_tokenizer(gguf, "x.gguf"); }, {"x.gguf: ", part});
  };
  refused([](auto& g) { g.scores.pop_back(); }, "tokenizer.ggml.scores has 12 entries");
  refused([](auto& g) { g.scores[7] = NAN; }, "tokenizer.ggml.scores[7] is nan");
  refused([](auto& g) { g.scores[7] = 1e300; }, "tokenizer.ggml.scores[7] is 1e+300");
  refused([](auto& g) { g.tokens[8] = ""; }, "tokenizer.ggml.tokens[8] is empty");
  refused([](auto& g) { g.tokens[8] = "▁a"; }, R"(tokens 5 and 8 are both "\u2581a")");
  refused([](auto& g) { g.eos_token_id = 13; }, "eos_token_id is 13, but there are 13 tokens");
  refused([](auto& g) { g.token_types.pop_back(); }, "tokenizer.ggml.token_type has 12 entries");
}

TEST(GgufTokenizer, BadMetadataIsRefusedByKey) {
  auto refused = [](const std::function<void(GgufTokenizer&)>& change, std::string_view part) {
    GgufTokenizer gguf = metadata_of("smollm", "smollm");
    change(gguf);
    std::string message = testing::error_of([&] { convert_gguf_tokenizer(gguf, "x.gguf"); });
    EXPECT_EQ(message.rfind("x.gguf: ", 0), 0u) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  refused([](auto& g) { g.model = "bert"; }, R"(tokenizer.ggml.model "bert" is not supported)");
  refused([](auto& g) { g.pre = "unheard-of"; },
          R"(tokenizer.ggml.pre "unheard-of" is not supported; supported: gpt-2)");
  refused([](auto& g) { g.tokens.clear(); }, "tokenizer.ggml.tokens is missing");
  refused([](auto& g) { g.merges.clear(); }, "tokenizer.ggml.merges is missing");
  refused([](auto& g) { g.token_types.pop_back(); }, "tokenizer.ggml.token_type has");
  refused([](auto& g) { g.tokens[9] = g.tokens[8]; }, "tokenizer.ggml.tokens[8] and [9] are both");
  refused([](auto& g) { g.tokens[9] = "\xFF"; }, "tokenizer.ggml.tokens[9] is not valid UTF-8");
  refused([](auto& g) { g.merges[3] = "\xC0 a"; }, "tokenizer.ggml.merges[3] is not valid UTF-8");
  refused([](auto& g) { g.chat_template = "\xFF"; }, "tokenizer.chat_template");
  refused([](auto& g) { g.eos_token_id = 100000; }, "eos_token_id is 100000, but there are");
  refused([](auto& g) { g.bos_token_id = -1; }, "bos_token_id is -1");
  refused([](auto& g) { g.add_bos_token = true; }, "add_bos_token is true, but there is no bos");
}

}  // namespace
}  // namespace graft::tokenizer
