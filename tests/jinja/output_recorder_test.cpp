#include "graft/jinja/output_recorder.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graft/jinja/template.h"
#include "tests/support/expect_error.h"

namespace graft::jinja {
namespace {

const nlohmann::ordered_json kMessages = {
    {{"role", "user"}, {"content", "ä"}},
    {{"role", "assistant"}, {"content", "b"}},
    {{"role", "user"}, {"content", "ä"}},  // equal to the first, and another object
};

Rendering rendered(std::string_view source) {
  return Template(source).render_with_spans({{"messages", kMessages}}, "messages");
}

// The parts of the text, joined by "|".
std::string parts(const Rendering& rendering, const std::vector<Span>& spans) {
  std::string out;
  for (const Span& span : spans) {
    out += rendering.text.substr(span.begin, span.end - span.begin) + "|";
  }
  return out;
}

std::string generated(std::string_view source) {
  const Rendering rendering = rendered(source);
  return parts(rendering, rendering.generated);
}

std::vector<std::string> of_items(std::string_view source) {
  const Rendering rendering = rendered(source);
  std::vector<std::string> result;
  for (const auto& spans : rendering.of_items) result.push_back(parts(rendering, spans));
  return result;
}

using Parts = std::vector<std::string>;

TEST(OutputRecorder, GenerationBlocksInTheOrderOfTheirEnds) {
  EXPECT_EQ(generated("é{% generation %}ü{{ 1 }}{% endgeneration %}x"), "ü1|");
  EXPECT_EQ(generated("a{% generation %}{% endgeneration %}b"), "|");
  EXPECT_EQ(generated("{% for m in messages %}<{% generation %}{{ m.content }}{% endgeneration %}>"
                      "{% endfor %}"),
            "ä|b|ä|");
}

// As transformers counts: from the end of what was put out when the block ran.
TEST(OutputRecorder, BlocksInCapturedOutputBeginWhereTheOutputEnded) {
  EXPECT_EQ(
      generated("a{% generation %}b{% generation %}cc{% endgeneration %}{% endgeneration %}d"),
      "bc|bcc|");
  EXPECT_EQ(generated("a{% set x %}-{% generation %}bb{% endgeneration %}{% endset %}cd{{ x }}"),
            "cd|");
  EXPECT_EQ(
      generated("a{% macro f() %}-{% generation %}bb{% endgeneration %}{% endmacro %}c{{ f() }}"),
      "-b|");
  EXPECT_EQ(generated("a{% set x %}{% generation %}éé{% endgeneration %}{% endset %}"), "|");
  EXPECT_EQ(generated("a{% for x in [1, 2] recursive %}<{% generation %}{{ x }}{% endgeneration %}>"
                      "{% endfor %}"),
            "<|<|");
}

TEST(OutputRecorder, LoopsByTheVeryItem) {
  EXPECT_EQ(of_items("{% for m in messages %}<{{ m.content }}>{% endfor %}"),
            (Parts{"<ä>|", "<b>|", "<ä>|"}));
  EXPECT_EQ(
      of_items("{% set ns = namespace(l=messages[1:]) %}{% for m in ns.l | list %}{{ m.role }}"
               "{% endfor %}"),
      (Parts{"", "assistant|", "user|"}));
  EXPECT_EQ(of_items("{% set messages = messages | selectattr('role', 'equalto', 'user') | list %}"
                     "{% for m in messages[::-1] %}{{ loop.index }}{% endfor %}"),
            (Parts{"2|", "", "1|"}));
  EXPECT_EQ(of_items("{% for m in messages if m.role == 'user' %}{{ loop.index }}{% endfor %}"),
            (Parts{"1|", "", "2|"}));
  // A copy is another object; so is a number.
  EXPECT_EQ(of_items("{% for m in [dict(messages[0])] %}x{% endfor %}"
                     "{% for i in range(3) %}{{ messages[i].content }}{% endfor %}"),
            (Parts{"", "", ""}));
}

TEST(OutputRecorder, LoopsThatWriteNothingOrElsewhereDoNotCount) {
  EXPECT_EQ(of_items("{% for m in messages %}{% set x = m %}{% endfor %}"
                     "{% set y %}{% for m in messages %}x{% endfor %}{% endset %}{{ y }}"),
            (Parts{"", "", ""}));
  EXPECT_EQ(of_items("{% macro f(m) %}[{{ m.content }}]{% endmacro %}"
                     "{% for m in messages %}{{ f(m) }}{% endfor %}"),
            (Parts{"[ä]|", "[b]|", "[ä]|"}));
}

TEST(OutputRecorder, LoopsInLoops) {
  EXPECT_EQ(of_items("{% for m in messages[:2] %}{% for n in messages[1:2] %}{{ n.content }}"
                     "{% endfor %};{% endfor %}"),
            (Parts{"b;|", "b|b;|", ""}));
  EXPECT_EQ(of_items("{% for m in messages %}{{ m.role }}{% endfor %}"
                     "{% for m in messages %}{{ m.content }}{% endfor %}"),
            (Parts{"user|ä|", "assistant|b|", "user|ä|"}));
}

TEST(OutputRecorder, RecordsAreBounded) {
  testing::expect_error(
      [] {
        rendered(
            "{% for i in range(1000) %}{% for j in range(1000) %}{% generation %}"
            "{% endgeneration %}{% endfor %}{% endfor %}");
      },
      "more than 100000 times");
}

TEST(OutputRecorder, AVariableThatIsNoListHasNoItems) {
  const Template source("{% for m in messages %}x{% endfor %}");
  EXPECT_TRUE(source.render_with_spans(nlohmann::ordered_json{{"messages", "text"}}, "messages")
                  .of_items.empty());
  EXPECT_TRUE(source.render_with_spans(nlohmann::ordered_json{{"messages", "text"}}, "other")
                  .of_items.empty());
}

}  // namespace
}  // namespace graft::jinja
