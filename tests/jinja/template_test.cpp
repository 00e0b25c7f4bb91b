#include "graft/jinja/template.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "graft/base/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"

namespace graft::jinja {
namespace {

using testing::expect_error;

nlohmann::ordered_json fixture() {
  return nlohmann::ordered_json::parse(read_text(testing::fixture("jinja/cases.json")));
}

std::string render(std::string_view source, const nlohmann::ordered_json& variables = {}) {
  return Template(source).render(variables);
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(JinjaTemplate, RendersAsTheReference) {
  const auto cases = fixture();
  ASSERT_GT(cases["cases"].size(), 100u);
  for (const auto& one : cases["cases"]) {
    const auto source = one["template"].get<std::string>();
    try {
      EXPECT_EQ(render(source, cases["variables"]), one["text"]) << source;
    } catch (const TemplateError& error) {
      ADD_FAILURE() << source << "\n" << error.what();
    }
  }
}

TEST(JinjaTemplate, RefusesWhatTheReferenceRefuses) {
  const auto cases = fixture();
  ASSERT_GT(cases["refused"].size(), 30u);
  for (const auto& source : cases["refused"]) {
    EXPECT_THROW(render(source.get<std::string>(), cases["variables"]), TemplateError) << source;
  }
}

TEST(JinjaTemplate, ErrorsNameTheLine) {
  const auto refused = [](std::string_view source, const std::string& message) {
    expect_error([&] { render(source); }, message);
  };
  refused("a\n\n{{ 1 + }}", "line 3, column 8: expected an expression, found '}}'");
  refused("{% if 1 %}\n{% for x in [1] %}\nx\n{% endif %}",
          "line 4, column 4: unknown statement 'endif'");
  refused("{% if 1 %}\n\nx", "missing {% endif %} to close the 'if' of line 1");
  refused("\n{{ raise_exception('no ' ~ 'system') }}", "line 2: no system");
  refused("{% macro f() %}\n{{ missing.x }}{% endmacro %}\n\n{{ f() }}",
          "line 2: 'missing' is undefined");
  refused("{% include 'x' %}", "'include' is not supported");
  refused("{{ 'é' }}\n{{ 'é' é é }}", "line 2, column 8");
}

// What a hostile template may not do: run long, fill the memory, overflow the stack.
TEST(JinjaTemplate, LimitsHoldWhatATemplateUses) {
  const char* loop = "{% for a in range(100000) %}";
  const std::string doubling = "{% set ns = namespace(x='ab') %}{% for i in range(100) %}";
  const std::string all[] = {
      repeated(loop, 3) + "x" + repeated("{% endfor %}", 3),
      doubling + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      doubling + "{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
      doubling + "{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{{ 'x' * 10000000000 }}",
      "{{ [1] * 1000000000 }}",
      "{{ 'x'.ljust(10000000000) }}",
      "{% set a = 'a' * 1000000 %}{{ a | replace('a', a) }}",
      "{{ '%999999999d' % 1 }}",
      "{{ 10 ** 100 }}",
      "{% set s = 'x' * 60000000 %}" + std::string(loop) + "{{ s[i] }}{{ s | length }}{% endfor %}",
      "{% set ns = namespace() %}{% for x in [ns] recursive %}{% set x.l = loop %}{% endfor %}" +
          std::string(loop) + "{% set _ = ns.l([ns]) %}{% endfor %}",
      "{{ 'x'.center(4611686018427387905, '\xF0\x9F\x98\x80') }}",
      "{% set s = 'x' * 1000000 %}" + std::string(loop) + "{% set _ = s | upper %}{% endfor %}",
      "{% set f = '%(a)s' * 400 %}{{ f | format(a='x' * 1000000) | length }}",
      "{% for c in 'x' * 8000000 %}{% break %}{% endfor %}",
      "{{ [1] | batch(30000000, 0) | list | length }}",
      std::string(loop) +
          "{% for b in range(99999) %}{% macro f() %}{% endmacro %}{% endfor %}{% endfor %}",
  };
  for (const std::string& source : all) {
    EXPECT_THROW(render(source, {{"i", 5}}), TemplateError) << source.substr(0, 200);
  }
}

TEST(JinjaTemplate, SearchesAndComparisonsOfLongTextsCount) {
  const std::string longs =
      "{% set a = 'a' * 1000000 %}{% set b = 'a' * 500000 ~ 'b' %}{% set c = 'a' * 1000000 %}";
  const std::string loop = "{% for i in range(100000) %}{% set _ = ";
  const std::string all[] = {
      "{{ a.find(b) }}",
      "{{ a.rfind(b) }}",
      "{{ a.count(b) }}",
      "{{ a.replace(b, '') | length }}",
      "{{ a | replace(b, '') | length }}",
      "{{ a.split(b) | length }}",
      "{{ a.partition(b) | length }}",
      "{{ b in a }}",
      "{{ a is in a[1:] }}",
      "{{ a.strip(b) }}",
      "{{ a | trim(b) }}",
      "{{ ([a, c] * 3000) | sort | length }}",
      "{{ ([a, c] * 3000) | max | length }}",
      "{{ ([a, c] * 3000) | unique | list | length }}",
      "{{ {a: 1, c ~ 'x': 2} | dictsort | length }}" + loop + "{a: 1} | dictsort %}{% endfor %}",
      "{{ ([a] * 3000).count(c) }}",
      loop + "a is lower %}{% endfor %}",
      "{{ c in [a ~ 'x'] * 3000 }}",
      loop + "a == c %}{% endfor %}",
      loop + "a is eq(c) %}{% endfor %}",
      loop + "[a] < [c] %}{% endfor %}",
      "{% set d = {a: 1} %}" + loop + "d[c] %}{% endfor %}",
      "{% set d = {a: 1} %}" + loop + "c in d %}{% endfor %}",
  };
  for (const std::string& source : all) {
    expect_error([&] { render(longs + source); }, "steps");
  }
}

TEST(JinjaTemplate, DeepNestingIsRefused) {
  const int depth = 100'000;
  for (const std::string& source :
       {"{{ " + repeated("(", depth) + "1" + repeated(")", depth) + " }}",
        "{{ " + repeated("not ", depth) + "1 }}", "{{ x" + repeated(".a", depth) + " }}",
        "{{ 1" + repeated(" + 1", depth) + " }}", "{{ 'x'" + repeated("|upper", depth) + " }}",
        "{{ " + repeated("1 if 1 else ", depth) + "2 }}", repeated("{% if 1 %}", depth)}) {
    EXPECT_THROW(render(source), TemplateError) << source.substr(0, 40);
  }
}

// Each value holds the one before: a chain a million long, which is let go one by one.
TEST(JinjaTemplate, DeepValuesTakeNoStack) {
  EXPECT_EQ(
      render("{% set ns = namespace(x=[]) %}{% for i in range(1000) %}{% for j in range(300) %}"
             "{% set ns.x = [ns.x] %}{% endfor %}{% endfor %}done"),
      "done");
}

// Leaks, which the sanitizers find, if such values are not let go of.
TEST(JinjaTemplate, ValuesMayHoldEachOther) {
  EXPECT_EQ(render("{% set ns = namespace(a=1) %}{% set ns.me = ns %}"
                   "{% macro f() %}{{ ns.me.a }}{% endmacro %}{% set ns.f = f %}"
                   "{% for x in [1] %}{% set ns.loop = loop %}{% endfor %}{{ ns.f() }}"),
            "1");
}

TEST(JinjaTemplate, NumbersAtTheEndsOfTheirRange) {
  EXPECT_EQ(render("{{ (-9223372036854775807 - 1) is divisibleby(-1) }}"), "True");
  EXPECT_EQ(render("{{ 9223372036854775806 is divisibleby(9223372036854775807) }}"), "False");
  EXPECT_EQ(render("{{ '' * 9223372036854775807 }}{{ [] * 1000000000000 }}"), "[]");
  EXPECT_EQ(render("{{ 'x'.zfill(-9223372036854775807 - 1) }}"), "x");
  EXPECT_EQ(render("{{ 'x y z' | truncate(9223372036854775807) }}"), "x y z");
  EXPECT_THROW(render("{{ 9223372036854775807 | round(-1) }}"), TemplateError);
  EXPECT_THROW(render("{{ '%d' % ('nan' | float) }}"), TemplateError);
  EXPECT_THROW(render("{{ '%\u00E9' % 1 }}"), TemplateError);
}

TEST(JinjaTemplate, ReplacementsCountAsFarAsTheyAreMade) {
  EXPECT_EQ(render("{% set t = '{tools}' ~ 'a' * 20000 %}"
                   "{{ t | replace('{tools}', 'x' * 50000) | length }}"),
            "70000");
}

TEST(JinjaTemplate, BrokenUtf8OfVariablesIsReplaced) {
  EXPECT_EQ(render("{{ x | upper }}", {{"x", "a\xF0"}}), "A\xEF\xBF\xBD");
}

TEST(JinjaTemplate, StrftimeNowWritesTheDate) {
  const std::string year = render("{{ strftime_now('%Y') }}");
  ASSERT_EQ(year.size(), 4u);
  EXPECT_GE(std::stoi(year), 2026);
  EXPECT_EQ(render("{{ strftime_now('') }}{{ strftime_now('%%') }}"), "%");
}

}  // namespace
}  // namespace graft::jinja
