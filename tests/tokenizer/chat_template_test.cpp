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
    const auto chat = ChatTemplate::load(folder_.path(), {{"bos_token", "["}, {"eos_token", "]"}});
    return chat ? chat->apply({{"system", "s"}, {"user", "u"}}, true) : "none";
  }

  TempFolder folder_;
};

constexpr const char* kTurns =
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";

TEST_F(ChatTemplateFolder, IsFoundWhereTransformersFindsIt) {
  EXPECT_EQ(rendered(), "none");
  write("tokenizer_config.json", R"({"chat_template": null})");
  EXPECT_EQ(rendered(), "none");
  write("tokenizer_config.json", R"({"chat_template": "{{ bos_token }}{{ messages | length }}"})");
  EXPECT_EQ(rendered(), "[2");
  write("chat_template.jinja", kTurns);
  EXPECT_EQ(rendered(), "[<system>s]<user>u]<assistant>");
}

TEST_F(ChatTemplateFolder, OfSeveralTheOneForToolsOrTheDefault) {
  const nlohmann::ordered_json list = {{{"name", "rag"}, {"template", "rag"}},
                                       {{"name", "tool_use"}, {"template", "tools"}},
                                       {{"name", "default"}, {"template", "default"}}};
  const nlohmann::ordered_json object = {{"tool_use", "tools"}, {"default", "default"}};
  const auto expect_choice = [&] {
    const auto chat = ChatTemplate::load(folder_.path(), {});
    const nlohmann::ordered_json messages = {{{"role", "user"}, {"content", "u"}}};
    EXPECT_EQ(chat->apply({{"messages", messages}}), "default");
    EXPECT_EQ(chat->apply({{"messages", messages}, {"tools", nullptr}}), "default");
    EXPECT_EQ(chat->apply({{"messages", messages}, {"tools", {1}}}), "tools");
  };
  for (const auto& templates : {list, object}) {
    write("tokenizer_config.json", nlohmann::ordered_json{{"chat_template", templates}}.dump());
    expect_choice();
  }
  write("tokenizer_config.json", R"({"chat_template": "of the config"})");
  write("chat_template.jinja", "default");
  std::filesystem::create_directory(folder_ / "additional_chat_templates");
  write("additional_chat_templates/tool_use.jinja", "tools");
  expect_choice();
  std::filesystem::remove(folder_ / "chat_template.jinja");
  expect_error([&] { rendered(); }, "none is named 'default': tool_use");
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

TEST(ChatTemplate, SeesMessagesAsTransformersNormalizesThem) {
  const ChatTemplate chat("{% for m in messages %}{{ m | tojson }}{% endfor %}", {}, "test");
  const auto seen = [&](const char* message) {
    return chat.apply({{"messages", {nlohmann::ordered_json::parse(message)}}});
  };
  EXPECT_EQ(seen(R"({"role": "r", "content": null, "tool_calls": null})"), R"({"role": "r"})");
  EXPECT_EQ(
      seen(R"({"role": "r", "reasoning": "because"})"),
      R"({"thinking": "because", "role": "r", "reasoning": "because", "reasoning_content": "because"})");
  EXPECT_EQ(seen(R"({"reasoning_content": null, "thinking": "t", "role": "r"})"),
            R"({"thinking": "t", "role": "r", "reasoning_content": "t"})");
}

}  // namespace
}  // namespace graft::tokenizer
