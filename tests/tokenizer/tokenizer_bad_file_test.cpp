#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <random>
#include <string>

#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::tokenizer {
namespace {

using nlohmann::json;

json good() { return testing::tokenizer_fixture_json("qwen2/tokenizer.json"); }

Tokenizer parse(const std::string& text) {
  return Tokenizer::parse({.tokenizer_json = text, .name = "dir/tokenizer.json"});
}

// Expects that a changed document is refused with the file's name and `part` in the message.
void refused(const std::function<void(json&)>& change, std::string_view part) {
  json document = good();
  change(document);
  std::string message = testing::error_of([&] { parse(document.dump()); });
  EXPECT_EQ(message.rfind("dir/tokenizer.json: ", 0), 0u) << message;
  EXPECT_NE(message.find(part), std::string::npos) << message << "\nexpected in it: " << part;
}

json byte_level() {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}};
}

json template_of(json single, json special_tokens) {
  return {{"type", "TemplateProcessing"},
          {"single", std::move(single)},
          {"pair", json::array()},
          {"special_tokens", std::move(special_tokens)}};
}

const json kText = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};

TEST(TokenizerBadFile, TheFixtureItselfIsGood) { EXPECT_NO_THROW(parse(good().dump())); }

// A few kB that would make gigabytes, or take minutes.
TEST(TokenizerBadFile, ReplacementsDoNotGrowWithoutBound) {
  json document = good();
  const json grow = {
      {"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(100, 'a')}};
  document["normalizer"] = {{"type", "Sequence"},
                            {"normalizers", {grow, grow, grow, grow, grow, grow}}};
  testing::expect_error([&] { parse(document.dump()).encode("a hen"); }, "makes more than");
  document["normalizer"] = grow;
  EXPECT_GT(parse(document.dump()).encode("a hen").size(), 10u);
  const json prepend = {{"type", "Prepend"}, {"prepend", std::string(70000, 'x')}};
  document["normalizer"] = prepend;
  testing::expect_error([&] { parse(document.dump()).encode("a hen"); }, "makes more than");
}

TEST(TokenizerBadFile, APostProcessorOfManyPartsIsRefusedAtOnce) {
  json document = good();
  json pieces = json::array();
  for (int i = 0; i < 20000; ++i)
    pieces.push_back({{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}});
  pieces.push_back(kText);
  document["post_processor"] = template_of(
      pieces,
      {{"<s>", {{"id", "<s>"}, {"ids", std::vector<int>(20000, 1)}, {"tokens", json::array()}}}});
  const auto start = std::chrono::steady_clock::now();
  testing::expect_error([&] { parse(document.dump()); }, "more than 32 parts");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(TokenizerBadFile, ManyAddedTokensTakeLinearTime) {
  json document = good();
  const auto first = static_cast<int>(parse(document.dump()).vocab_size());
  for (int i = 0; i < 100000; ++i) {
    document["added_tokens"].push_back({{"id", first + i},
                                        {"content", "<" + std::to_string(i) + ">"},
                                        {"single_word", false},
                                        {"lstrip", false},
                                        {"rstrip", false},
                                        {"normalized", false},
                                        {"special", true}});
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(parse(document.dump()).encode("<7>").back(), first + 7);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(TokenizerBadFile, WhatIsNotSupportedIsNamed) {
  refused([](json& d) { d["model"]["type"] = "WordPiece"; },
          R"(model.type: "WordPiece" is not supported; supported: BPE, Unigram)");
  refused([](json& d) { d["model"]["byte_fallback"] = true; }, "model.byte_fallback");
  refused([](json& d) { d["model"]["dropout"] = 0.1; }, "model.dropout");
  refused([](json& d) { d["model"]["end_of_word_suffix"] = "</w>"; }, "model.end_of_word_suffix");
  refused([](json& d) { d["model"]["continuing_subword_prefix"] = "##"; },
          "model.continuing_subword_prefix");
  refused(
      [](json& d) {
        d["normalizer"] = {{"type", "StripAccents"}};
      },
      R"(normalizer: type "StripAccents" is not supported; supported: NFC)");
  refused(
      [](json& d) {
        d["pre_tokenizer"] = {{"type", "UnicodeScripts"}};
      },
      R"(pre_tokenizer: type "UnicodeScripts" is not supported; supported: ByteLevel)");
  refused([](json& d) { d["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Sometimes"; },
          "pre_tokenizer.pretokenizers[0].behavior: expected Removed, Isolated");
  refused([](json& d) { d["pre_tokenizer"]["pretokenizers"].push_back(byte_level()); },
          "nothing may follow ByteLevel");
  refused(
      [](json& d) {
        d["post_processor"] = {{"type", "BertProcessing"}};
      },
      R"(post_processor: type "BertProcessing" is not supported)");
  refused([](json& d) { d["decoder"] = {{"type", "WordPiece"}}; }, R"(decoder: type "WordPiece")");
  refused([](json& d) { d["version"] = "2.0"; }, "version: expected version \"1.0\"");
}

TEST(TokenizerBadFile, PatternsAreChecked) {
  auto with_pattern = [](json pattern) {
    return [pattern](json& d) { d["pre_tokenizer"]["pretokenizers"][0]["pattern"] = pattern; };
  };
  refused(with_pattern({{"Regex", "(a"}}),
          "pre_tokenizer.pretokenizers[0].pattern.Regex: the regular expression \"(a\" has a ( "
          "without its ) (at byte 0)");
  refused(with_pattern({{"Regex", "(a)\\1"}}), "has \\1 (at byte 3), which is not supported");
  refused(with_pattern({{"Words", " "}}), "pretokenizers[0].pattern: expected a pattern");
  refused(with_pattern("x"), "pretokenizers[0].pattern");
  refused([](json& d) { d["normalizer"] = {{"type", "Replace"}, {"content", ""}}; }, "normalizer");
  json regex = {{"type", "Replace"}, {"pattern", {{"Regex", "["}}}, {"content", ""}};
  refused([&](json& d) { d["normalizer"] = regex; }, "normalizer.pattern.Regex: ");
}

TEST(TokenizerBadFile, VocabularyIsChecked) {
  refused([](json& d) { d["model"]["vocab"]["new"] = -1; }, "model.vocab: token \"new\" has id -1");
  refused([](json& d) { d["model"]["vocab"]["new"] = 1 << 22; }, "ids go from 0 to");
  refused([](json& d) { d["model"]["vocab"]["new"] = 7; }, "its id 7 is there twice");
  refused([](json& d) { d["model"]["vocab"]["new"] = 1.5; }, "model.vocab: byte ");
  refused([](json& d) { d["model"]["vocab"]["new"] = "7"; }, "expected a whole number");
  refused([](json& d) { d["model"]["vocab"]["new"] = 1e300; }, "expected a whole number");
  refused([](json& d) { d["model"]["vocab"] = json::array(); }, "model.vocab: expected an object");
  refused([](json& d) { d["model"].erase("vocab"); }, "model.vocab: is missing");
  refused([](json& d) { d["model"]["unk_token"] = "nowhere"; }, "model.unk_token");
  refused([](json& d) { d.erase("model"); }, "has no \"model\"");
  refused([](json& d) { d["model"] = 3; }, "expected '{'");
  std::string twice = good().dump();
  twice.replace(twice.find("\"vocab\":{") + 9, 0, "\"!\":0,\"!\":1,");
  testing::expect_error([&] { parse(twice); }, "there twice");
  EXPECT_NO_THROW(parse(R"({"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false},
                            "model":{"vocab":{},"merges":[]}})"));
}

TEST(TokenizerBadFile, MergesAreChecked) {
  refused([](json& d) { d["model"]["merges"][5] = "a"; }, "model.merges[5]: expected two tokens");
  refused([](json& d) { d["model"]["merges"][5] = "a b c"; }, "model.merges[5]");
  refused([](json& d) { d["model"]["merges"][5] = {"a", "b", "c"}; }, "model.merges[5]");
  refused([](json& d) { d["model"]["merges"][5] = {"a"}; }, "model.merges[5]");
  refused(
      [](json& d) {
        d["model"]["merges"][5] = {"nowhere", "b"};
      },
      "model.merges[5]: \"nowhere");
  refused(
      [](json& d) {
        d["model"]["merges"][5] = {"!", "~"};
      },
      "model.merges[5]: \"!~\" is not in the vocabulary");
  refused([](json& d) { d["model"]["merges"][5] = 1; }, "model.merges: byte ");
  refused([](json& d) { d["model"]["merges"] = "a b"; },
          "model.merges: expected an object or array");
  refused([](json& d) { d["model"].erase("merges"); }, "model.merges: is missing");
}

TEST(TokenizerBadFile, AddedTokensAreChecked) {
  refused([](json& d) { d["added_tokens"][1]["id"] = 1000; },
          "added_tokens[1]: the added token \"<|im_start|>\" has id 1000, but by its place");
  refused([](json& d) { d["added_tokens"][1]["id"] = -1; }, "added_tokens[1].id: expected a whole");
  refused([](json& d) { d["added_tokens"][1]["id"] = uint64_t{1} << 63; }, "added_tokens[1].id");
  refused([](json& d) { d["added_tokens"][1]["content"] = ""; }, "added_tokens[1]");
  refused([](json& d) { d["added_tokens"][1]["content"] = std::string(5000, 'x'); },
          "5000 bytes; the longest");
  refused([](json& d) { d["added_tokens"][1]["content"] = json::array(); },
          "added_tokens[1].content: expected a string");
  refused([](json& d) { d["added_tokens"][1]["content"] = d["added_tokens"][0]["content"]; },
          "added_tokens[1].content: \"<|endoftext|>\" is there twice");
  refused([](json& d) { d["added_tokens"][1]["lstrip"] = 1; },
          "added_tokens[1].lstrip: expected true or false, found 1");
  refused([](json& d) { d["added_tokens"] = json::object(); }, "added_tokens: expected an array");
  refused([](json& d) { d["added_tokens"][0] = nullptr; }, "added_tokens[0]: expected an object");
}

TEST(TokenizerBadFile, PostProcessorIsChecked) {
  json special = {{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}};
  json ids = {{"<s>", {{"id", "<s>"}, {"ids", {480}}, {"tokens", {"<s>"}}}}};
  refused([&](json& d) { d["post_processor"] = template_of({special}, ids); },
          "post_processor.single: expected a template with");
  refused(
      [&](json& d) {
        d["post_processor"] = template_of({kText, kText}, ids);
      },
      "post_processor.single[1]");
  refused(
      [&](json& d) {
        d["post_processor"] = template_of({special, kText}, json::object());
      },
      "post_processor.special_tokens: has no");
  ids["<s>"]["ids"] = {100000};
  refused(
      [&](json& d) {
        d["post_processor"] = template_of({special, kText}, ids);
      },
      "adds token 100000, which the vocabulary does not have");
  ids["<s>"]["ids"] = std::vector<int>(1000, 480);
  refused(
      [&](json& d) {
        d["post_processor"] = template_of({special, kText}, ids);
      },
      "more than 32 parts");
  refused(
      [](json& d) {
        d["normalizer"] = {{"type", "Sequence"},
                           {"normalizers", std::vector<json>(1000, {{"type", "NFC"}})}};
      },
      "normalizer: more than 32 parts");
}

TEST(TokenizerBadFile, SyntaxAndNesting) {
  using testing::expect_error;
  expect_error([] { parse(""); }, "dir/tokenizer.json: byte 0: expected '{', found the end");
  expect_error([] { parse("[]"); }, "expected '{'");
  expect_error([] { parse("{\"a\xFF\": 1}"); }, "byte 3: not valid UTF-8");
  expect_error([] { parse(good().dump() + "x"); }, "expected the end of the text");
  expect_error([] { parse("{\"x\":" + std::string(100000, '[')); }, "nested deeper than 64");
  expect_error([] { parse("{\"model\":" + std::string(100000, '[')); }, "dir/tokenizer.json");
  expect_error([] { parse("{\"model\":{\"x\":" + std::string(100000, '{')); },
               "dir/tokenizer.json");
  std::string text = good().dump();
  for (size_t size = 0; size < text.size(); size += 1 + size / 50) {
    expect_error([&] { parse(text.substr(0, size)); }, "dir/tokenizer.json: ");
  }
}

// Whatever a file holds, the answer is a tokenizer that works or an Error.
TEST(TokenizerBadFile, DamagedFilesNeverCrash) {
  const std::string text = good().dump();
  const std::vector<std::string> bits = {"{",           "}",       "[",       "]",    "\"",
                                         ",",           ":",       "null",    "-1",   "1e9",
                                         "99999999999", "\\u0000", "\\ud800", "true", "\"a\""};
  std::mt19937 random(7);
  int accepted = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string damaged = text;
    for (uint32_t i = 0; i <= random() % 3; ++i) {
      size_t at = random() % damaged.size();
      switch (random() % 4) {
        case 0:
          damaged[at] = static_cast<char>(random());
          break;
        case 1:
          damaged.erase(at, random() % 8);
          break;
        case 2:
          damaged.insert(at, bits[random() % bits.size()]);
          break;
        default:
          damaged.replace(at, 1 + random() % 5, damaged.substr(random() % damaged.size(), 6));
      }
    }
    try {
      Tokenizer tokenizer = parse(damaged);
      ++accepted;
      tokenizer.decode(tokenizer.encode("The <|im_end|> 123 caf\u00E9's \xFF\n\n x"));
    } catch (const Error& error) {
      ASSERT_EQ(std::string(error.what()).rfind("dir/tokenizer.json", 0), 0u) << error.what();
    }
  }
  EXPECT_GT(accepted, 10);
}

}  // namespace
}  // namespace graft::tokenizer
