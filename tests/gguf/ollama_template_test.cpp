#include "graft/gguf/ollama_template.h"

#include <gtest/gtest.h>

namespace graft::gguf {
namespace {

std::optional<std::string> go(const std::string& jinja, const std::string& begin = "") {
  return ollama_template(tokenizer::ChatTemplate(jinja, {{"bos_token", "<s>"}}, "a template"),
                         begin);
}

TEST(OllamaTemplate, IsTheTextAroundTheMessages) {
  const std::string chatml =
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
  EXPECT_EQ(
      go(chatml),
      "{{ range $i, $m := .Messages }}{{ if eq $m.Role \"system\" }}<|im_start|>system\n"
      "{{ $m.Content }}<|im_end|>\n<|im_start|>user\n{{ end }}"
      "{{ if eq $m.Role \"user\" }}{{ if eq $i 0 }}<|im_start|>user\n{{ end }}{{ $m.Content }}"
      "<|im_end|>\n<|im_start|>assistant\n{{ end }}"
      "{{ if eq $m.Role \"assistant\" }}{{ $m.Content }}<|im_end|>\n<|im_start|>user\n{{ end }}"
      "{{ end }}");
}

TEST(OllamaTemplate, LeavesOutTheTokenThatTheRuntimePutsThere) {
  const std::string llama =
      "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} "
      "[/INST]"
      "{% elif m.role == 'assistant' %} {{ m.content }}</s>{% else %}{{ raise_exception('no') }}"
      "{% endif %}{% endfor %}";
  const auto with = go(llama), without = go(llama, "<s>");
  ASSERT_TRUE(with && without);
  EXPECT_NE(with->find("<s>[INST] "), std::string::npos);
  EXPECT_EQ(without->find("<s>"), std::string::npos);
  EXPECT_EQ(without->find("system"), std::string::npos);  // which it refuses
}

TEST(OllamaTemplate, OfWhatDependsOnMoreThanThePlaceIsNone) {
  // A count, and a reminder in the last question alone.
  EXPECT_EQ(go("{% for m in messages %}{{ loop.index }} {{ m.content }}\n{% endfor %}"),
            std::nullopt);
  EXPECT_EQ(go("{% for m in messages %}{{ 'last: ' if loop.last }}{{ m.content }}\n{% endfor %}"),
            std::nullopt);
  EXPECT_EQ(go("{{ raise_exception('never') }}"), std::nullopt);
  // A system message that stands behind the first question.
  EXPECT_EQ(go("{% for m in messages %}{% if m.role != 'system' %}{{ m.role }} {{ m.content }}"
               "{% if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}\n"
               "{% endif %}{% endfor %}{% if add_generation_prompt %}assistant {% endif %}"),
            std::nullopt);
}

TEST(OllamaTemplate, TextThatWouldBeReadAsAnActionIsQuoted) {
  const auto text =
      go("{% for m in messages %}{% if m.role != 'assistant' %}{{ '{{' }} \"\"\"\n{% endif %}"
         "{{ m.content }};{% endfor %}");
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("{{ \"{{ \\\"\\\"\\\"\\n\" }}"), std::string::npos) << *text;
  EXPECT_TRUE(in_three_quotes(*text));
}

}  // namespace
}  // namespace graft::gguf
