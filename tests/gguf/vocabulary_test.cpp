#include "graft/gguf/vocabulary.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "graft/convert/gguf_tokenizer_files.h"
#include "graft/io/gguf.h"
#include "graft/io/gguf_writer.h"
#include "graft/tokenizer/tokenizer.h"
#include "tests/support/expect_error.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::gguf {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::write_bytes;

// A model's folder with the tokenizer of a fixture, as changed, and its vocabulary in a file.
struct Exported {
  explicit Exported(const std::string& fixture) {
    for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
      documents[name] = testing::tokenizer_fixture_json(fixture + "/" + name);
    }
  }

  json& tokenizer() { return documents["tokenizer.json"]; }
  json& tokenizer_config() { return documents["tokenizer_config.json"]; }
  json& config() { return documents["config.json"]; }
  json& generation() { return documents["generation_config.json"]; }

  io::GgufFile write(size_t rows = 600) {
    for (const auto& [name, document] : documents) write_bytes(folder / name, document.dump());
    const json own = documents.count("config.json") != 0 ? config() : json::object();
    const auto source = io::ModelFolder::of_config(folder.path(), own);
    io::GgufWriter writer(file());
    writer.set("general.architecture", "llama");
    add_vocabulary(writer, source, rows, front_end);
    wants_phi3 = wants_phi3_name(source);
    writer.commit();
    return io::GgufFile(file());
  }

  // All notes and warnings.
  std::string said() const {
    return fmt::format("{} {}", fmt::join(front_end.notes, " "),
                       fmt::join(front_end.warnings, " "));
  }

  fs::path file() const { return folder / "x.gguf"; }

  TempFolder folder;
  std::map<std::string, json> documents;
  testing::RecordingFrontEnd front_end;
  bool wants_phi3 = false;
};

uint64_t number(const io::GgufFile& file, const std::string& key) {
  return file.metadata().unsigned_number("tokenizer.ggml." + key).value_or(9999);
}

std::string text(const io::GgufFile& file, const std::string& key) {
  return std::string(file.metadata().text(key).value_or("-"));
}

std::string token(const io::GgufFile& file, size_t id) {
  return std::string(file.metadata().texts("tokenizer.ggml.tokens").value()[id]);
}

int64_t type(const io::GgufFile& file, size_t id) {
  return file.metadata().integers("tokenizer.ggml.token_type").value()[id];
}

// A BPE of characters with bytes: <unk>, <s>, </s>, the bytes, the sign for a space, a, b, c, and
// what merges of them make, and more that nothing makes.
void of_characters(Exported& model, const std::vector<std::string>& merges,
                   const std::vector<std::string>& more = {}) {
  json vocabulary = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary[fmt::format("<0x{:02X}>", byte)] = vocabulary.size();
  }
  for (const char* character : {"\u2581", "a", "b", "c"}) vocabulary[character] = vocabulary.size();
  for (const std::string& merge : merges) {
    const size_t space = merge.find(' ');
    const std::string made = merge.substr(0, space) + merge.substr(space + 1);
    if (!vocabulary.contains(made)) vocabulary[made] = vocabulary.size();
  }
  for (const std::string& token : more) vocabulary[token] = vocabulary.size();
  const size_t next = vocabulary.size();
  model.tokenizer()["model"]["vocab"] = vocabulary;
  model.tokenizer()["model"]["merges"] = merges;
  json& added = model.tokenizer()["added_tokens"];
  for (size_t i = 3; i < added.size(); ++i) added[i]["id"] = next + i - 3;
}

// What graft makes of the file again.
tokenizer::Tokenizer read_again(const Exported& model) {
  testing::RecordingFrontEnd front_end;
  const auto files = convert::gguf_tokenizer_files(io::GgufFile(model.file()), front_end);
  return tokenizer::Tokenizer::parse({.tokenizer_json = files.at("tokenizer.json"),
                                      .tokenizer_config_json = files.at("tokenizer_config.json"),
                                      .is_converted = true});
}

TEST(Vocabulary, HoldsAByteLevelTokenizer) {
  Exported model("qwen2");
  const io::GgufFile file = model.write(490);
  EXPECT_EQ(text(file, "tokenizer.ggml.model"), "gpt2");
  EXPECT_EQ(text(file, "tokenizer.ggml.pre"), "qwen2");
  EXPECT_EQ(file.metadata().count("tokenizer.ggml.merges"), 224u);
  EXPECT_EQ(file.metadata().count("tokenizer.ggml.tokens"), 490u);
  EXPECT_EQ(token(file, 481), "<|im_start|>");
  EXPECT_EQ(type(file, 481), 3);
  EXPECT_EQ(token(file, 483), "<tool_call>");
  EXPECT_EQ(type(file, 483), 4);
  EXPECT_EQ(token(file, 485), "[PAD485]");
  EXPECT_EQ(type(file, 485), 5);
  EXPECT_EQ(type(file, 100), 1);
  EXPECT_EQ(number(file, "eos_token_id"), 482u);
  EXPECT_EQ(number(file, "bos_token_id"), 482u);  // else llama.cpp takes 11
  EXPECT_EQ(file.metadata().flag("tokenizer.ggml.add_bos_token"), false);
  EXPECT_EQ(file.metadata().flag("tokenizer.ggml.add_eos_token"), false);
  EXPECT_NE(model.said().find("NFC"), std::string::npos);
}

TEST(Vocabulary, ReadAgainGivesTheSameTokens) {
  for (const char* fixture : {"gpt2", "llama3", "qwen2", "smollm"}) {
    Exported model(fixture);
    model.write();
    const tokenizer::Tokenizer again = read_again(model);
    const auto before = tokenizer::Tokenizer::load(model.folder.path());
    for (const json& sample : testing::tokenizer_fixture_json("texts.json")) {
      const std::string text = sample.get<std::string>();
      EXPECT_EQ(again.encode(text), before.encode(text)) << fixture << ": " << text;
    }
  }
}

TEST(Vocabulary, NamesWhatThePreTokenizerDoes) {
  const auto name_of = [](const std::string& fixture, const std::string& model_type, bool ignores) {
    Exported model(fixture);
    model.config()["model_type"] = model_type;
    model.tokenizer_config()["tokenizer_class"] = "PreTrainedTokenizerFast";
    model.tokenizer()["model"]["ignore_merges"] = ignores;
    return text(model.write(), "tokenizer.ggml.pre");
  };
  EXPECT_EQ(name_of("gpt2", "llama", false), "gpt-2");
  EXPECT_EQ(name_of("smollm", "llama", false), "smollm");
  EXPECT_EQ(name_of("smollm", "granite", false), "refact");
  EXPECT_EQ(name_of("llama3", "llama", true), "llama-bpe");
  EXPECT_EQ(name_of("llama3", "llama", false), "smaug-bpe");
}

TEST(Vocabulary, RefusesWhatLlamaCppCannotDo) {
  const auto refused = [](const std::string& fixture, const std::function<void(json&)>& change,
                          std::string_view part) {
    Exported model(fixture);
    change(model.tokenizer());
    expect_error([&] { model.write(1000); }, {"tokenizer.json: ", part});
  };
  const auto nothing = [](json&) {};
  refused("unigram", nothing, "a Unigram");
  refused("flags", nothing, "its normalizer: NFD");
  refused("llama2", nothing, R"("0" and "00" are a token together, but do not merge)");
  refused("metaspace", nothing, "lacks the token <0x80>");
  refused("steps", nothing, "without `byte_fallback`");
  refused(
      "gpt2",
      [](json& t) {
        t["normalizer"] = {{"type", "Lowercase"}};
      },
      "Lowercase");
  refused(
      "gpt2", [](json& t) { t["pre_tokenizer"]["use_regex"] = false; }, "which cuts at none");
  refused(
      "gpt2", [](json& t) { t["pre_tokenizer"]["add_prefix_space"] = true; },
      "more than cut at regular expressions");
  refused(
      "llama3",
      [](json& t) { t["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "[a-z]+"; },
      R"(no name for its pre-tokenizer, which cuts at "[a-z]+")");
  refused(
      "llama3",
      [](json& t) {
        json& single = t["post_processor"]["processors"][1]["single"];
        single.insert(single.begin(), single[0]);
      },
      "puts 2 tokens before every text");
}

TEST(Vocabulary, RefusesMoreTokensThanRows) {
  Exported model("gpt2");
  expect_error([&] { model.write(480); }, {"has token 480, but the embedding has 480 rows"});
}

// The order of the merges is that of the scores, and the tokens that are not made come last.
TEST(Vocabulary, ScoresFollowTheMerges) {
  Exported model("llama2");
  of_characters(model, {"a b", "\u2581 ab", "b c", "a bc", "ab c"});
  const io::GgufFile file = model.write();
  EXPECT_EQ(text(file, "tokenizer.ggml.model"), "llama");
  EXPECT_EQ(text(file, "tokenizer.ggml.pre"), "default");
  EXPECT_EQ(file.metadata().flag("tokenizer.ggml.add_space_prefix"), true);
  EXPECT_EQ(file.metadata().flag("tokenizer.ggml.add_bos_token"), true);
  EXPECT_EQ(number(file, "bos_token_id"), 1u);
  EXPECT_EQ(number(file, "unknown_token_id"), 0u);
  EXPECT_EQ(type(file, 0), 2);
  EXPECT_EQ(type(file, 1), 3);
  EXPECT_EQ(type(file, 3), 6);
  const std::vector<double> scores = file.metadata().numbers("tokenizer.ggml.scores").value();
  const std::map<std::string, double> expected = {
      {"<unk>", 0}, {"<0x00>", 0}, {"ab", 0}, {"bc", -2}, {"\u2581ab", -1}, {"abc", -3}, {"a", -5}};
  for (size_t id = 0; id < scores.size(); ++id) {
    if (const auto found = expected.find(token(file, id)); found != expected.end()) {
      EXPECT_EQ(scores[id], found->second) << found->first;
    }
  }
  const auto before = tokenizer::Tokenizer::load(model.folder.path());
  for (const char* sample : {"abc", " a<s>abc  bcab", "d\n"}) {
    EXPECT_EQ(read_again(model).encode(sample), before.encode(sample)) << sample;
  }
}

TEST(Vocabulary, RefusesMergesThatScoresCannotSay) {
  Exported model("llama2");
  of_characters(model, {"a b", "ab c", "b c"});
  expect_error([&] { model.write(); }, {R"("a" and "bc" are a token together, but do not merge)"});
  // x is no token: llama.cpp joins it to what stands beside it all the same.
  Exported other("llama2");
  of_characters(other, {"a b"}, {"xab"});
  expect_error([&] { other.write(); }, {R"("x" and "ab" are a token together)"});
}

TEST(Vocabulary, NotesMergesOutOfOrder) {
  Exported model("llama2");
  of_characters(model, {"a b", "b c", "ab c", "\u2581 a", "a bc"});
  model.write();
  EXPECT_NE(model.said().find("an order that a GGUF file cannot hold"), std::string::npos);
}

TEST(Vocabulary, NamesMoreEndsOfText) {
  Exported model("qwen2");
  model.config() = {{"model_type", "qwen2"}, {"bos_token_id", 480}};
  model.generation() = {{"eos_token_id", {480, 482, 484}}};
  const io::GgufFile file = model.write();
  EXPECT_EQ(number(file, "eos_token_id"), 482u);
  EXPECT_EQ(number(file, "eot_token_id"), 484u);  // llama.cpp ends at <|endoftext|> unasked
  EXPECT_EQ(number(file, "eom_token_id"), 480u);
  EXPECT_EQ(number(file, "bos_token_id"), 480u);
  model.generation() = {{"eos_token_id", {484, 483, 481, 482}}};
  model.write();
  EXPECT_NE(model.said().find(R"(more ends of text than a GGUF file can name: "<|im_st)"),
            std::string::npos);
}

TEST(Vocabulary, HoldsChatTemplates) {
  Exported model("gpt2");
  model.tokenizer_config()["chat_template"] = {{{"name", "default"}, {"template", "{{ a }}"}},
                                               {{"name", "tool use"}, {"template", "{{ b }}"}}};
  const io::GgufFile file = model.write();
  EXPECT_EQ(text(file, "tokenizer.chat_template"), "{{ a }}");
  EXPECT_EQ(text(file, "tokenizer.chat_template.tool_use"), "{{ b }}");
  EXPECT_EQ(file.metadata().texts("tokenizer.chat_templates"),
            (std::vector<std::string_view>{"tool_use"}));
  model.tokenizer_config()["chat_template"][0]["name"] = "tool_use";
  expect_error([&] { model.write(); }, {"cannot tell its chat template \"tool_use\""});
  write_bytes(model.folder / "chat_template.jinja", "{{ c }}");
  EXPECT_EQ(text(model.write(), "tokenizer.chat_template"), "{{ c }}");
}

TEST(Vocabulary, KnowsWhenAPhi3Strips) {
  Exported model("gpt2");
  json& added = model.tokenizer()["added_tokens"];
  for (const char* content : {"<s>", "</s>", "<unk>", "<|user|>"}) {
    json token = added[0];
    token["content"] = content;
    token["id"] = 480 + added.size();
    token["rstrip"] = std::string(content) == "</s>" || std::string(content) == "<|user|>";
    added.push_back(token);
  }
  model.write();
  EXPECT_TRUE(model.wants_phi3);
  added.back()["rstrip"] = false;
  model.write();
  EXPECT_FALSE(model.wants_phi3);
  EXPECT_NE(model.said().find(R"(as this tokenizer does for "</s>")"), std::string::npos);
}

}  // namespace
}  // namespace graft::gguf
