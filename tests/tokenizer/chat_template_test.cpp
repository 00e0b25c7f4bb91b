#include "graft/tokenizer/chat_template.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::tokenizer {
namespace {

using testing::expect_error;
using testing::TempFolder;

class ChatTemplateFolder : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    testing::write_bytes(folder_ / name, text);
  }
  std::string rendered() {
    const auto chat = ChatTemplate::load(folder_.path());
    return chat ? chat->apply({{"system", "s"}, {"user", "u"}}, true) : "none";
  }

  TempFolder folder_;
};

constexpr const char* kTurns =
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";

TEST_F(ChatTemplateFolder, IsFoundWhereTransformersFindsIt) {
  EXPECT_EQ(rendered(), "none");
  write("tokenizer_config.json", R"({"bos_token": "[", "eos_token": {"content": "]"}})");
  EXPECT_EQ(rendered(), "none");
  write("tokenizer_config.json", nlohmann::json({{"bos_token", "["},
                                                 {"eos_token", {{"content", "]"}}},
                                                 {"chat_template",
                                                  {{{"name", "rag"}, {"template", "no"}},
                                                   {{"name", "default"}, {"template", kTurns}}}}})
                                     .dump());
  EXPECT_EQ(rendered(), "[<system>s]<user>u]<assistant>");
  write("tokenizer_config.json",
        R"({"bos_token": "(", "chat_template": "{{ bos_token }}{{ messages | length }}"})");
  EXPECT_EQ(rendered(), "(2");
  write("chat_template.jinja", kTurns);
  EXPECT_EQ(rendered(), "(<system>s<user>u<assistant>");
  write("special_tokens_map.json", R"({"eos_token": ";"})");
  EXPECT_EQ(rendered(), "(<system>s;<user>u;<assistant>");
}

TEST_F(ChatTemplateFolder, ErrorsNameTheFileAndTheLine) {
  write("chat_template.jinja", "a\n{% if %}");
  expect_error([&] { rendered(); }, "chat_template.jinja: line 2, column 7");
  write("chat_template.jinja", "{{ raise_exception('System role not supported') }}");
  expect_error([&] { rendered(); }, "chat_template.jinja: line 1: System role not supported");
  write("chat_template.jinja", "\xff");
  expect_error([&] { rendered(); }, "not valid UTF-8");
  write("chat_template.jinja", std::string((1 << 20) + 1, 'x'));
  expect_error([&] { rendered(); }, "chat_template.jinja");
}

TEST(ChatTemplate, ContentIsMadeValidUtf8) {
  const ChatTemplate chat("{{ messages[0].content }}", {}, "test");
  EXPECT_EQ(chat.apply({{"user", "a\xff"}}, true), "a\xEF\xBF\xBD");
}

TEST(ChatTemplate, VariablesOfTheModelsOwn) {
  const ChatTemplate chat(
      "{{ tools is none }}{{ documents is none }}{{ enable_thinking }}{{ bos_token }}",
      {{"bos_token", "<s>"}}, "test");
  EXPECT_EQ(chat.apply({{"enable_thinking", true}, {"bos_token", "!"}}), "TrueTrueTrue!");
  EXPECT_EQ(chat.apply({{"tools", {1}}}), "FalseTrue<s>");
}

}  // namespace
}  // namespace graft::tokenizer
