#include "tests/cli/program_fixture.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::testing {
namespace {

class Tokenize : public ProgramTest {
 protected:
  ProgramResult tokenize(std::vector<std::string> arguments, std::string input = "") {
    arguments.insert(arguments.begin(),
                     {"tokenize", "--model", tokenizer_fixture("gpt2").string()});
    write("input", input);
    arguments.push_back("input");
    return run(arguments);
  }
};

TEST_F(Tokenize, ShowsOffsetsIdsAndPieces) {
  ProgramResult result = tokenize({}, "a b\n\xF0\x9F\x98\x80");
  EXPECT_EQ(result.code, 0) << result.err;
  expect_line(result.out, " +0 +\\d+  a");
  expect_line(result.out, " +2 +\\d+  b");
  expect_line(result.out, " +3 +\\d+  \\\\n");
  EXPECT_NE(result.out.find("\\xf0"), std::string::npos) << result.out;
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos);  // colour is for terminals
}

TEST_F(Tokenize, IdsAndBack) {
  ProgramResult ids = tokenize({"--ids"}, "Hello, w\u00F6rld!\n\n  two\tlines");
  EXPECT_EQ(ids.code, 0) << ids.err;
  EXPECT_EQ(std::count(ids.out.begin(), ids.out.end(), '\n'), 3);
  ProgramResult back = tokenize({"--decode"}, ids.out);
  EXPECT_EQ(back.out, "Hello, w\u00F6rld!\n\n  two\tlines\n");
  EXPECT_EQ(tokenize({"--decode"}, "[64, 65]\n").out, tokenize({"--decode"}, "64 65").out);
  expect_refused(tokenize({"--decode"}, "1 x"), 1, "input:1: \"x\" is no id of a token");
  expect_refused(tokenize({"--decode"}, "1\n99999"), 1, ":2: \"99999\" is no id");
}

TEST_F(Tokenize, DataSetsAreTakenLineByLine) {
  std::string data = R"({"text": "a b"}
{"text": "line\nline"}
)";
  ProgramResult plain = tokenize({"--ids"}, "a b\n");
  ProgramResult result = tokenize({"--ids"}, data);
  EXPECT_EQ(result.out.substr(0, plain.out.size()), plain.out);
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 2);
  expect_line(tokenize({"--count"}, data).out, "\\d+ tokens in 2 texts, \\d+ in the longest");
  expect_line(tokenize({"--count"}, "a b").out, "3 tokens");
  expect_refused(tokenize({"--count"}, data + "{\"x\": 1}\n"), 1,
                 "input:3: the data set's records are of the format text");
  expect_refused(tokenize({"--count"}, data + "{\n"), 1, "input:3");
}

// The template sees a row's messages as they are, and its tools.
TEST_F(Tokenize, AChatsKeysReachTheTemplate) {
  fs::create_directory(folder_ / "chat");
  fs::copy(tokenizer_fixture("gpt2") / "tokenizer.json", folder_ / "chat");
  write("chat/chat_template.jinja",
        "{% for m in messages %}{{ m.name }}|{{ m.content }}|{{ m.reasoning_content }}|"
        "{{ m.tool_calls[0].function.name if m.tool_calls }}|{{ m.tool_call_id }};{% endfor %}"
        "{{ tools | length if tools else 0 }}{{ '>' if add_generation_prompt }}");
  const auto rendered = [&](const std::string& row) {
    write("row.jsonl", row);
    const ProgramResult ids = run({"tokenize", "--model", "chat", "--chat", "--ids", "row.jsonl"});
    EXPECT_EQ(ids.code, 0) << ids.err;
    write("ids", ids.out);
    return run({"tokenize", "--model", "chat", "--decode", "ids"}).out;
  };
  EXPECT_EQ(rendered(R"({"messages": [{"role": "user", "name": "bob", "content": "x"}]})"),
            "bob|x|||;0>\n");
  EXPECT_EQ(rendered(R"({"messages": [{"role": "assistant", "content": null, )"
                     R"("reasoning_content": "r", "tool_calls": [{"function": {"name": "f"}}]}], )"
                     R"("tools": [1, 2]})"),
            "||r|f|;2\n");
  EXPECT_EQ(rendered(R"({"messages": [{"role": "tool", "content": ["a"], "tool_call_id": "7"}]})"),
            "|['a']|||7;0>\n");
}

TEST_F(Tokenize, AChatWithoutMessagesIsRefusedByItsLine) {
  fs::create_directory(folder_ / "chat");
  fs::copy(tokenizer_fixture("gpt2") / "tokenizer.json", folder_ / "chat");
  write("chat/chat_template.jinja", "{{ messages | length }}");
  for (const char* bad : {R"({"messages": []})", R"({"messages": {}})", R"({"messages": null})",
                          R"({"messages": [3]})", R"({"messages": [[]]})"}) {
    write("t.jsonl",
          std::string(R"({"messages": [{"role": "user", "content": "x"}]})") + "\n" + bad);
    expect_refused(run({"tokenize", "--model", "chat", "--chat", "t.jsonl"}), 1, "t.jsonl:2: ");
  }
}

TEST_F(Tokenize, ChatsAreRendered) {
  expect_refused(tokenize({"--chat"}, "x"), 1, "--chat needs a chat template");
  fs::create_directory(folder_ / "chat");
  fs::copy(tokenizer_fixture("gpt2") / "tokenizer.json", folder_ / "chat");
  write("chat/chat_template.jinja",
        "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}"
        "{% if add_generation_prompt %}bot:{% endif %}");
  auto decoded = [&](const std::string& input) {
    write("text", input);
    ProgramResult ids = run({"tokenize", "--model", "chat", "--chat", "--ids", "text"});
    EXPECT_EQ(ids.code, 0) << ids.err;
    write("ids", ids.out);
    return run({"tokenize", "--model", "chat", "--decode", "ids"}).out;
  };
  EXPECT_EQ(decoded("hi"), "user:hi;bot:\n");
  EXPECT_EQ(decoded(R"({"messages": [{"role": "user", "content": "q"}, )"
                    R"({"role": "assistant", "content": "a"}]})"),
            "user:q;assistant:a;\n");
}

TEST_F(Tokenize, OptionsThatExcludeEachOther) {
  expect_refused(tokenize({"--ids", "--count"}), 2, "--count");
  expect_refused(tokenize({"--decode", "--chat"}), 2, "--decode");
  expect_refused(run({"tokenize", "--model", "nowhere"}), 1, "nowhere");
}

}  // namespace
}  // namespace graft::testing
