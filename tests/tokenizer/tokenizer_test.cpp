#include "graft/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "graft/tokenizer/stream_decoder.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::tokenizer {
namespace {

using testing::tokenizer_fixture;
using testing::tokenizer_fixture_json;

std::vector<std::string> fixture_texts() {
  return tokenizer_fixture_json("texts.json").get<std::vector<std::string>>();
}

class TokenizerKind : public ::testing::TestWithParam<std::string> {
 protected:
  Tokenizer tokenizer_ = Tokenizer::load(tokenizer_fixture(GetParam()));
  std::vector<std::string> texts_ = fixture_texts();
  nlohmann::json expected_ = tokenizer_fixture_json(GetParam() + "/expected.json");
};

TEST_P(TokenizerKind, GivesTheIdsOfTheReference) {
  ASSERT_EQ(expected_["ids"].size(), texts_.size());
  for (size_t i = 0; i < texts_.size(); ++i) {
    EXPECT_EQ(tokenizer_.encode(texts_[i]), expected_["ids"][i].get<std::vector<int32_t>>())
        << texts_[i];
  }
}

TEST_P(TokenizerKind, DecodesAsTheReference) {
  for (size_t i = 0; i < texts_.size(); ++i) {
    auto ids = expected_["ids"][i].get<std::vector<int32_t>>();
    std::string expected = expected_["decoded"].value(std::to_string(i), texts_[i]);
    EXPECT_EQ(tokenizer_.decode(ids), expected);
    StreamDecoder stream(tokenizer_);
    std::string streamed;
    for (int32_t id : ids) streamed += stream.push(id);
    streamed += stream.finish();
    EXPECT_EQ(streamed, expected);
  }
}

TEST_P(TokenizerKind, BatchesGiveTheSameIds) {
  std::vector<std::string> many;
  for (int round = 0; round < 40; ++round) many.insert(many.end(), texts_.begin(), texts_.end());
  std::vector<std::vector<int32_t>> ids = tokenizer_.encode_batch(many);
  ASSERT_EQ(ids.size(), many.size());
  for (size_t i = 0; i < many.size(); ++i) {
    EXPECT_EQ(ids[i], expected_["ids"][i % texts_.size()].get<std::vector<int32_t>>());
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerKind, ::testing::ValuesIn(testing::kTokenizerKinds),
                         [](const auto& kind) { return kind.param; });

TEST(Tokenizer, ThreadsMayShareACopy) {
  Tokenizer tokenizer = Tokenizer::load(tokenizer_fixture("qwen2"));
  std::vector<std::string> texts = fixture_texts();
  std::vector<std::vector<int32_t>> expected = tokenizer.encode_batch(texts);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([copy = tokenizer, &texts, &expected] {
      for (size_t k = 0; k < texts.size(); ++k) EXPECT_EQ(copy.encode(texts[k]), expected[k]);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Tokenizer, BrokenUtf8CountsAsReplacements) {
  Tokenizer tokenizer = Tokenizer::load(tokenizer_fixture("gpt2"));
  EXPECT_EQ(tokenizer.encode("a\xFF\xF0\x9F\x98 b\xE2\x82"),
            tokenizer.encode("a\uFFFD\uFFFD b\uFFFD"));
  EXPECT_EQ(tokenizer.encode_batch({"\xC0\xAF"}), tokenizer.encode_batch({"\uFFFD\uFFFD"}));
}

TEST(Tokenizer, KnowsItsTokens) {
  Tokenizer tokenizer = Tokenizer::load(tokenizer_fixture("qwen2"));
  int32_t end = tokenizer.token_id("<|im_end|>").value();
  EXPECT_EQ(tokenizer.eos_id(), end);
  EXPECT_EQ(tokenizer.bos_id(), std::nullopt);
  EXPECT_TRUE(tokenizer.is_special(end));
  EXPECT_EQ(tokenizer.piece(end), "<|im_end|>");
  int32_t call = tokenizer.token_id("<tool_call>").value();
  EXPECT_FALSE(tokenizer.is_special(call));
  EXPECT_EQ(tokenizer.vocab_size(), 485u);
  EXPECT_EQ(tokenizer.piece(tokenizer.token_id("\u0120t").value()), " t");
  EXPECT_EQ(tokenizer.token_id("no such token"), std::nullopt);
  EXPECT_EQ(tokenizer.piece(485), "");
  EXPECT_EQ(tokenizer.piece(-1), "");

  std::vector<int32_t> ids = tokenizer.encode("a<|im_end|>b<tool_call>");
  EXPECT_EQ(tokenizer.decode(ids, {.skip_special_tokens = true}), "ab<tool_call>");
  ids.insert(ids.begin(), {-5, 485, 1 << 30});
  EXPECT_EQ(tokenizer.decode(ids), "a<|im_end|>b<tool_call>");
}

TEST(Tokenizer, BeginAndEndOfTextComeFromTheConfig) {
  Tokenizer llama3 = Tokenizer::load(tokenizer_fixture("llama3"));
  EXPECT_EQ(llama3.bos_id(), llama3.token_id("<|begin|>"));
  EXPECT_EQ(llama3.eos_id(), llama3.token_id("<|eot|>"));
  Tokenizer smollm = Tokenizer::load(tokenizer_fixture("smollm"));
  EXPECT_EQ(smollm.bos_id(), 1);
  EXPECT_EQ(smollm.eos_id(), 2);
}

TEST(Tokenizer, AMissingOrEmptyFileIsNamed) {
  testing::TempFolder folder;
  testing::expect_error([&] { Tokenizer::load(folder.path()); }, "no tokenizer.json");
  fs::copy(tokenizer_fixture("gpt2") / "tokenizer.json", folder.path());
  EXPECT_EQ(Tokenizer::load(folder.path()).eos_id(), std::nullopt);
  testing::write_bytes(folder / "tokenizer_config.json", "");
  testing::expect_error([&] { Tokenizer::load(folder.path()); }, "tokenizer_config.json");
}

TEST(StreamDecoder, NeverGivesHalfACharacter) {
  Tokenizer tokenizer = Tokenizer::load(tokenizer_fixture("gpt2"));
  auto byte_id = [&](unsigned char byte) {
    for (int32_t id = 0; id < 256; ++id) {
      if (tokenizer.piece(id) == std::string(1, static_cast<char>(byte))) return id;
    }
    ADD_FAILURE() << "no token for byte " << int{byte};
    return -1;
  };
  StreamDecoder stream(tokenizer);
  EXPECT_EQ(stream.push(byte_id(0xF0)), "");
  EXPECT_EQ(stream.push(byte_id(0x9F)), "");
  EXPECT_EQ(stream.push(byte_id(0x98)), "");
  EXPECT_EQ(stream.push(byte_id(0x80)), "\U0001F600");
  EXPECT_EQ(stream.push(byte_id('a')), "a");
  EXPECT_EQ(stream.push(byte_id(0xE2)), "");
  EXPECT_EQ(stream.push(byte_id('b')), "\uFFFDb");  // never completed
  EXPECT_EQ(stream.push(byte_id(0x80)), "\uFFFD");  // never begun
  EXPECT_EQ(stream.push(byte_id(0xC3)), "");
  EXPECT_EQ(stream.push(byte_id(0xE2)), "\uFFFD");
  EXPECT_EQ(stream.push(byte_id(0x82)), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
}

TEST(StreamDecoder, SkipsSpecialTokensOnDemand) {
  Tokenizer tokenizer = Tokenizer::load(tokenizer_fixture("qwen2"));
  int32_t end = tokenizer.token_id("<|im_end|>").value();
  StreamDecoder all(tokenizer), some(tokenizer, {.skip_special_tokens = true});
  EXPECT_EQ(all.push(end), "<|im_end|>");
  EXPECT_EQ(some.push(end), "");
}

}  // namespace
}  // namespace graft::tokenizer
