#include "graft/tokenizer/chat_turns.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "graft/base/files.h"
#include "graft/tokenizer/chatml.h"
#include "tests/support/expect_error.h"
#include "tests/support/paths.h"

namespace graft::tokenizer {
namespace {

using testing::expect_error;

ordered_json user(ordered_json content) { return {{"role", "user"}, {"content", content}}; }
ordered_json assistant(ordered_json content) {
  return {{"role", "assistant"}, {"content", content}};
}
ordered_json list(const std::vector<ordered_json>& items) {
  ordered_json result = ordered_json::array();
  for (const ordered_json& item : items) result.push_back(item);
  return result;
}
ordered_json part(const char* text) { return {{"type", "text"}, {"text", text}}; }

const std::set<std::string> kSpecial = {"<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|end|>"};

const ChatTemplate::Tokens kNamed = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};

ChatTurns turns(const std::string& source) {
  return {ChatTemplate(source, kNamed, "model"), kSpecial};
}

// The text with what is trained between brackets.
std::string marked(const ChatText& chat) {
  std::string out;
  size_t at = 0;
  for (const Span& span : chat.trained) {
    out += chat.text.substr(at, span.begin - at) + "⟦";
    out += chat.text.substr(span.begin, span.end - span.begin) + "⟧";
    at = span.end;
  }
  return out + chat.text.substr(at);
}

std::string marked(const std::string& source, const ordered_json& messages, ChatLoss loss = {}) {
  return marked(turns(source).text({{"messages", messages}}, loss));
}

// The templates of tests/fixtures/chat/cases.json over its chats, as their scripts' header says.
TEST(ChatTurns, FixturesOfTemplatesInTheFormsOfModels) {
  const auto fixture = ordered_json::parse(read_text(testing::fixture("chat/cases.json")));
  size_t count = 0;
  for (const auto& [name, source] : fixture.at("templates").items()) {
    const ChatTurns chats(ChatTemplate(source.get<std::string>(), kNamed, "model"),
                          fixture.at("special_tokens").get<std::set<std::string>>());
    for (const auto& one : fixture.at("cases").at(name)) {
      const std::string where = name + ": " + one.at("chat").get<std::string>();
      const ordered_json& variables = fixture.at("chats").at(one.at("chat"));
      if (one.contains("error")) {
        EXPECT_THROW(chats.text(variables, {}), Error) << where;
      } else {
        try {
          EXPECT_EQ(marked(chats.text(variables, {})), one.at("marked")) << where;
        } catch (const Error& error) {
          ADD_FAILURE() << where << ": " << error.what();
        }
      }
      ++count;
    }
  }
  EXPECT_GT(count, 60u);
}

constexpr const char* kChatml =
    "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
constexpr const char* kGeneration =
    "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}{% generation %}"
    "{{ m.content }}</s>{% endgeneration %}{{ '\n' }}{% else %}{{ m.content }}{% endif %}{% endfor "
    "%}";

const ordered_json kChat = list({user("u"), assistant("a"), user("v"), assistant("b")});

TEST(ChatTurns, WhatIsTrained) {
  const std::string begin = "<s><|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n";
  const std::string middle = "\n<|im_start|>user\nv<|im_end|>\n<|im_start|>assistant\n";
  EXPECT_EQ(marked(kChatml, kChat), begin + "⟦a<|im_end|>⟧" + middle + "⟦b<|im_end|>⟧\n");
  EXPECT_EQ(marked(kChatml, kChat, {.on = TrainOn::last}),
            begin + "a<|im_end|>" + middle + "⟦b<|im_end|>⟧\n");
  EXPECT_EQ(marked(kChatml, kChat, {.on = TrainOn::completion}),
            begin + "a<|im_end|>" + middle + "⟦b<|im_end|>\n⟧");
  EXPECT_EQ(marked(kChatml, kChat, {.on = TrainOn::completion, .prompt_messages = 1}),
            begin + "⟦a<|im_end|>" + middle + "b<|im_end|>\n⟧");
  EXPECT_EQ(marked(kChatml, kChat, {.on = TrainOn::all}),
            "⟦" + begin + "a<|im_end|>" + middle + "b<|im_end|>\n⟧");
  EXPECT_EQ(marked(kChatml, kChat, {.messages = {true, false}}),
            begin + "a<|im_end|>" + middle + "⟦b<|im_end|>⟧\n");
  EXPECT_EQ(marked(kChatml, list({user("u")})), "<s><|im_start|>user\nu<|im_end|>\n");
}

TEST(ChatTurns, MessagesThatMustNotBeTrained) {
  EXPECT_EQ(marked(kChatml, kChat, {.on = TrainOn::all, .messages = {true, true, false}}),
            "⟦<s><|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n⟧"
            "<|im_start|>user\nv<|im_end|>\n⟦<|im_start|>assistant\nb<|im_end|>\n⟧");
  EXPECT_EQ(marked(kChatml, kChat,
                   {.on = TrainOn::completion, .prompt_messages = 1, .messages = {1, 1, 0}}),
            "<s><|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n⟦a<|im_end|>\n⟧"
            "<|im_start|>user\nv<|im_end|>\n⟦<|im_start|>assistant\nb<|im_end|>\n⟧");
  EXPECT_EQ(marked(kChatml, kChat, {.on = TrainOn::last, .messages = {1, 1, 1, 0}}),
            turns(kChatml).text({{"messages", kChat}}, {}).text);
}

TEST(ChatTurns, GenerationBlocksSayWhatIsTrained) {
  EXPECT_EQ(marked(kGeneration, kChat), "<user>u<assistant>⟦a</s>⟧\n<user>v<assistant>⟦b</s>⟧\n");
  EXPECT_EQ(marked(kGeneration, kChat, {.on = TrainOn::last}),
            "<user>u<assistant>a</s>\n<user>v<assistant>⟦b</s>⟧\n");
  EXPECT_EQ(marked(kGeneration, kChat, {.messages = {true, true, true, false}}),
            "<user>u<assistant>⟦a</s>⟧\n<user>v<assistant>b</s>\n");
  // A block behind the loop is the last turn's; a user's is nobody's.
  const std::string behind =
      "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %}{% generation %}"
      "{{ m.content }}{% endgeneration %}{% endif %}{% endfor %}{% generation %}</s>"
      "{% endgeneration %}";
  EXPECT_EQ(marked(behind, kChat, {.on = TrainOn::last}), "uav⟦b</s>⟧");
  const std::string all =
      "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}";
  EXPECT_EQ(marked(all, kChat), "⟦uavb⟧");
  expect_error([&] { marked(all, kChat, {.on = TrainOn::last}); }, "belongs to no message");
  // Where blocks cannot be told apart, only all of them can be trained on.
  const std::string outside =
      "{% generation %}x{% endgeneration %}{% for m in messages %}{{ m.content }}{% endfor %}";
  EXPECT_EQ(marked(outside, kChat), "⟦x⟧uavb");
  expect_error([&] { marked(outside, kChat, {.on = TrainOn::last}); },
               "model: a {% generation %} block of it belongs to no message of an assistant");
}

// What messages say may look like the template's own text, or be empty, or equal to another's.
TEST(ChatTurns, TextsThatLookLikeTurns) {
  const ordered_json chat = list({user("<|im_start|>assistant\na<|im_end|>\n"),
                                  assistant("<|im_end|>\n<|im_start|>user\n"), user(""),
                                  assistant(""), user("a"), assistant("a")});
  EXPECT_EQ(marked(kChatml, chat),
            "<s><|im_start|>user\n<|im_start|>assistant\na<|im_end|>\n<|im_end|>\n"
            "<|im_start|>assistant\n⟦<|im_end|>\n<|im_start|>user\n<|im_end|>⟧\n"
            "<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n⟦<|im_end|>⟧\n"
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n⟦a<|im_end|>⟧\n");
}

TEST(ChatTurns, TurnsWithoutATokenAtTheirEnd) {
  const std::string header = "{% if add_generation_prompt %}ASSISTANT:{% endif %}";
  const std::string source =
      "{% for m in messages %}{% if m.role == 'user' %}USER: {{ m.content }} {% else %}"
      "ASSISTANT: {{ m.content }}{% if loop.last %}</s>{% else %}{{ '\n' }}{% endif %}{% endif %}"
      "{% endfor %}" +
      header;
  EXPECT_EQ(marked(source, list({user("u"), assistant("a </s>\n"), user("v"), assistant("b")})),
            "USER: u ASSISTANT:⟦ a </s>\n⟧\nUSER: v ASSISTANT:⟦ b</s>⟧");
}

TEST(ChatTurns, TokensThatStandBehindTheTurn) {
  // Of the last turn alone, behind the loop.
  const std::string once =
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% else %}</s>{% endif %}";
  EXPECT_EQ(marked(once, kChat), "<user>u<assistant>⟦a⟧<user>v<assistant>⟦b</s>⟧");
  // Of every turn, before the next.
  const std::string between =
      "{% for m in messages %}{% if not loop.first %}</s>{% endif %}<{{ m.role }}>{{ m.content }}"
      "{% endfor %}</s>{% if add_generation_prompt %}<assistant>{% endif %}";
  EXPECT_EQ(marked(between, kChat), "<user>u</s><assistant>⟦a</s>⟧<user>v</s><assistant>⟦b</s>⟧");
}

// A first message may begin with what begins the text, and a header may depend on variables.
TEST(ChatTurns, HeadersThatDependOnThePlace) {
  const std::string source =
      "{% for m in messages %}{% set head = ('[t]' if thorough else '') + '<' + m.role + '>' %}"
      "{{ bos_token + head if loop.first else head }}{{ m.content }}</s>{% endfor %}"
      "{% if add_generation_prompt %}{{ '[t]' if thorough }}<assistant>{% endif %}";
  EXPECT_EQ(marked(source, list({assistant("a"), user("u"), assistant("b")})),
            "<s><assistant>⟦a</s>⟧<user>u</s><assistant>⟦b</s>⟧");
  const ordered_json chat = list({user("u"), assistant("a")});
  EXPECT_EQ(marked(turns(source).text({{"messages", chat}, {"thorough", true}}, {})),
            "<s>[t]<user>u</s>[t]<assistant>⟦a</s>⟧");
  expect_error(
      [&] {
        turns(source).text({{"messages", list({assistant("a")})}, {"thorough", true}}, {});
      },
      "model: messages[0] begins in another way than its turns do");
}

// The prompt begins a thought, or has an empty one; turns have theirs, or none.
TEST(ChatTurns, ThoughtsBelongToTheTurn) {
  const auto source = [](const std::string& prompt, const std::string& turn) {
    return "{% for m in messages %}<{{ m.role }}>{% if m.role == 'assistant' %}" + turn +
           "{% endif %}{{ m.content }}</s>{% endfor %}"
           "{% if add_generation_prompt %}<assistant>" +
           prompt + "{% endif %}";
  };
  const ordered_json chat = list({user("u"), assistant("a")});
  for (const std::string turn : {"", "<think>", "<think></think>", "</think>", " <think>\n"}) {
    for (const std::string prompt : {"", "<think>", "<think>\n\n</think>", "</think>", " "}) {
      const std::string space = turn == " <think>\n" && prompt == " " ? " " : "";
      EXPECT_EQ(marked(source("{{ '" + prompt + "' }}", "{{ '" + turn + "' }}"), chat),
                "<user>u</s><assistant>" + space + "⟦" + turn.substr(space.size()) + "a</s>⟧")
          << turn << "|" << prompt;
    }
  }
}

TEST(ChatTurns, CompletionsWhosePromptChangesOnceItIsAnswered) {
  // Earlier turns lose what the last one has; the prompt for one has a thought's beginning.
  const std::string source =
      "{% for m in messages %}<{{ m.role }}>{% if loop.last and m.role == 'user' %}!{% endif %}"
      "{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<assistant><think>{% endif %}";
  expect_error([&] { marked(source, kChat, {.on = TrainOn::completion}); },
               "with `add_generation_prompt` a chat does not lead up to the assistant's turn");
  const std::string thoughts =
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
      "{% if add_generation_prompt %}<assistant><think>{% endif %}";
  EXPECT_EQ(marked(thoughts, kChat, {.on = TrainOn::completion}),
            "<user>u</s><assistant>a</s><user>v</s><assistant>⟦b</s>⟧");
  EXPECT_EQ(marked(thoughts, list({assistant("a")}), {.on = TrainOn::completion}),
            "<assistant>⟦a</s>⟧");
}

TEST(ChatTurns, TemplatesWhoseTurnsCannotBeTold) {
  const auto refused = [&](const std::string& source, const std::string& why) {
    expect_error([&] { marked(source, kChat); }, why);
    EXPECT_NO_THROW(marked(source, kChat, {.on = TrainOn::all}));
  };
  refused("{% for i in range(messages | length) %}{{ messages[i].content }}{% endfor %}",
          "model: no loop over the messages writes messages[1]");
  refused("{{ messages | map(attribute='content') | join('\n') }}",
          "model: no loop over the messages writes messages[1]");
  refused("{% for m in messages %}{{ m.role }}{% endfor %}",
          "model: its loop over the messages does not write what an assistant says");
  refused("{% for m in messages %}{{ m.content }}{{ m.content }}{% endfor %}",
          "model: it writes what an assistant says twice");
  refused("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}",
          "model: `add_generation_prompt` adds nothing, but a turn begins with \"<assistant>\"");
  refused(
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
      "{% if add_generation_prompt %}<model>{% endif %}",
      "model: `add_generation_prompt` adds \"<model>\", but a turn begins with \"<assistant>\"");
  refused(
      "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}<|end|>{% else %}"
      "{{ m.content }}<|end|> <s>{% endif %}{% endfor %}",
      "model: it writes several special tokens behind what an assistant says: \"<|end|> <s>\"");
  refused("{% for m in messages %}{% for n in messages %}{{ n.content }}{% endfor %}{% endfor %}",
          "model: it writes ");
  expect_error([&] { marked("{{ raise_exception('no chats') }}", kChat); },
               "model: line 1: no chats");
  expect_error([&] { marked(kChatml, ordered_json::array()); }, "model: a chat needs 'messages'");
}

TEST(ChatTurns, ContentInParts) {
  const ordered_json chat =
      list({user(list({part("u"), part("v")})), assistant(list({part("a")}))});
  // A template for texts; one for both; one for lists.
  EXPECT_EQ(marked(kChatml, chat),
            "<s><|im_start|>user\nuv<|im_end|>\n<|im_start|>assistant\n⟦a<|im_end|>⟧\n");
  const std::string both =
      "{% for m in messages %}<{{ m.role }}>{% if m.content is string %}{{ m.content }}{% else %}"
      "{% for p in m.content %}[{{ p.text }}]{% endfor %}{% endif %}</s>{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}";
  EXPECT_EQ(marked(both, chat), "<user>[u][v]</s><assistant>⟦[a]</s>⟧");
  EXPECT_EQ(marked(both, list({user("u"), assistant("a")})), "<user>u</s><assistant>⟦a</s>⟧");
  const std::string lists =
      "{% for m in messages %}<{{ m.role }}>{% for p in m.content %}{% if p.type == 'text' %}"
      "{{ p.text }}{% endif %}{% endfor %}</s>{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}";
  EXPECT_EQ(marked(lists, list({user("u"), assistant(list({part("a"), part("b")}))})),
            "<user>u</s><assistant>⟦ab</s>⟧");
  const std::string first =
      "{% for m in messages %}<{{ m.role }}>{{ m.content[0].text }}</s>{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}";
  EXPECT_EQ(marked(first, chat), "<user>uv</s><assistant>⟦a</s>⟧");
}

TEST(ChatTurns, PartsThatAreNoTextAreRefusedByName) {
  const auto refused = [&](const ordered_json& content, const std::string& why) {
    expect_error([&] { marked(kChatml, list({user("u"), assistant("a"), user(content)})); }, why);
  };
  refused(list({{{"type", "image"}}}),
          "model: messages[2]: the content has a part of type 'image'; only text");
  refused(list({{{"type", "input_audio"}}}), "a part of type 'input_audio'");
  refused(list({"text"}), "messages[2]: a part of the content has no type");
  refused(list({{{"type", "text"}}}), "messages[2]: a part of type 'text' has no text");
}

ordered_json calling(ordered_json arguments, ordered_json content) {
  ordered_json message = assistant(content);
  message["tool_calls"].push_back(
      {{"type", "function"}, {"function", {{"name", "f"}, {"arguments", arguments}}}});
  return message;
}

std::string with_calls(const std::string& arguments) {
  return "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls %}" +
         arguments +
         "{% endfor %}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
}

TEST(ChatTurns, ArgumentsOfToolCalls) {
  const std::string object = with_calls("{{ c.function.arguments | tojson }}");
  const std::string text = with_calls("{{ '' + c.function.arguments }}");
  const std::string both = with_calls(
      "{% if c.function.arguments is string %}{{ c.function.arguments }}{% else %}"
      "{{ c.function.arguments | tojson }}{% endif %}");
  for (const auto& source : {object, text, both}) {
    for (const ordered_json& arguments :
         {ordered_json(R"({"x": 1, "é": [true]})"), ordered_json{{"x", 1}, {"é", {true}}}}) {
      EXPECT_EQ(marked(source, list({user("u"), calling(arguments, nullptr)})),
                R"(<user>u</s><assistant>⟦{"x": 1, "é": [true]}</s>⟧)");
    }
  }
  EXPECT_EQ(marked(both, list({user("u"), calling("{\"x\":1}", "a")})),
            R"(<user>u</s><assistant>⟦a{"x":1}</s>⟧)");
  EXPECT_EQ(marked(object, list({user("u"), calling("no JSON", "a")})),
            R"(<user>u</s><assistant>⟦a"no JSON"</s>⟧)");
}

TEST(ChatTurns, RepliesOfToolsInAnAssistantsTurnAreRefused) {
  const std::string source =
      "{% for m in messages %}{% if m.role != 'tool' %}<{{ m.role }}>{{ m.content }}"
      "{% if m.tool_calls %}{{ messages[loop.index].content }}{% endif %}</s>{% endif %}{% endfor "
      "%}"
      "{% if add_generation_prompt %}<assistant>{% endif %}";
  EXPECT_EQ(marked(source, list({user("u"), assistant("a")})), "<user>u</s><assistant>⟦a</s>⟧");
  expect_error(
      [&] {
        marked(source, list({user("u"),
                             calling({{"x", 1}}, "a"),
                             {{"role", "tool"}, {"content", "t"}},
                             assistant("b")}));
      },
      "model: it writes the replies of tools into the assistant's turn");
}

TEST(ChatTurns, TurnsAroundTools) {
  // A header behind replies alone; calls without a token.
  const std::string source =
      "{% for m in messages %}{% if m.role == 'user' %}[INST]{{ m.content }}[/INST]"
      "{% elif m.role == 'tool' %}<tool>{{ m.content }}{% else %}"
      "{% if loop.previtem.role == 'tool' %}<model>{% endif %}{{ m.content }}{% if m.tool_calls %}"
      "{{ m.tool_calls[0].function.arguments | tojson }}{% elif '!' not in m.content %}</s>"
      "{% endif %}{% endif %}{% endfor %}"
      "{% if add_generation_prompt and messages[-1].role == 'tool' %}<model>{% endif %}";
  const ordered_json reply = {{"role", "tool"}, {"content", "t"}};
  EXPECT_EQ(marked(source, list({user("u"), calling({{"x", "1"}}, ""), reply, assistant("b")})),
            "[INST]u[/INST]⟦{\"x\": \"1\"}⟧<tool>t<model>⟦b</s>⟧");
  EXPECT_EQ(marked(source, list({user("u"), calling({{"x", 1}}, "")})),
            "[INST]u[/INST]⟦{\"x\": 1}⟧");
  expect_error(
      [&] {
        marked(source, list({user("u"), assistant("!\"}")}));
      },
      "model: messages[1] ends in another way than its turns do");
}

TEST(ChatTurns, CallsThatTheTemplateDoesNotWriteAreTold) {
  const auto unwritten = [](const std::string& says, const ordered_json& calls) {
    ordered_json calling = assistant("");
    calling["tool_calls"] = calls;
    const std::string source =
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.tool_calls %}" + says +
        "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    const ordered_json messages = list({user("f g"), calling, assistant("f"), calling});
    const ChatText text = turns(source).text({{"messages", messages}}, {.on = TrainOn::all});
    return text.unwritten_calls;
  };
  const auto call = [](const char* name, const char* id) -> ordered_json {
    return {{"id", id}, {"function", {{"name", name}, {"arguments", {{"x", 1}}}}}};
  };
  const std::optional<size_t> none, first = 1;
  const ordered_json f = list({call("f", "1")}), both = list({call("f", "1"), call("g", "2")});
  EXPECT_EQ(unwritten("", f), first);
  EXPECT_EQ(unwritten("{{ m.content }}", f), first);
  EXPECT_EQ(unwritten("{{ m.tool_calls[0].function.name }}", f), none);
  EXPECT_EQ(unwritten("{{ m.tool_calls[0].function.name }}", both), first);
  EXPECT_EQ(unwritten("{{ m.tool_calls[0].id }}", f), none);  // as Kimi K2 does
  EXPECT_EQ(unwritten("{{ m.tool_calls | tojson }}", list({call("a\"b", "")})), none);
  EXPECT_EQ(unwritten("", list({ordered_json::object()})), none);  // without a name to look for
}

TEST(ChatTurns, TheTemplateForToolsHasTurnsOfItsOwn) {
  const std::string source =
      "{% for m in messages %}{% if tools %}[{{ m.role }}]{% else %}<{{ m.role }}>{% endif %}"
      "{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}"
      "{% if tools %}[assistant]{% else %}<assistant>{% endif %}{% endif %}";
  const ChatTurns chats = turns(source);
  const ordered_json messages = list({user("u"), assistant("a")});
  EXPECT_EQ(marked(chats.text({{"messages", messages}}, {})), "<user>u</s><assistant>⟦a</s>⟧");
  EXPECT_EQ(marked(chats.text({{"messages", messages}, {"tools", list({"t"})}}, {})),
            "[user]u</s>[assistant]⟦a</s>⟧");
}

TEST(ChatTurns, TokensThatMayEndATurn) {
  const auto tokens = [](const char* folder) {
    return special_tokens_of(Tokenizer::load(testing::fixture("tokenizer") / folder));
  };
  EXPECT_EQ(tokens("qwen2"),
            (std::set<std::string>{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}));
  EXPECT_TRUE(tokens("llama3").contains("<|eot|>"));
}

TEST(ChatTurns, TheTemplateForModelsWithoutOne) {
  const auto chat = [](const char* folder, const ordered_json& variables) {
    const Tokenizer tokenizer = Tokenizer::load(testing::fixture("tokenizer") / folder);
    const ChatTurns turns(chatml_template(tokenizer), special_tokens_of(tokenizer));
    return marked(turns.text(variables, {}));
  };
  EXPECT_EQ(chat("qwen2", {{"messages", list({user("u"), assistant("a")})}}),
            "<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n⟦a<|im_end|>⟧\n");
  EXPECT_EQ(
      chat("gpt2", {{"messages", list({user(list({part("u"), part("v")})), assistant("a")})}}),
      "<|im_start|>user\nuv<|endoftext|>\n<|im_start|>assistant\n⟦a<|endoftext|>⟧\n");
  const ordered_json called = list({{{"role", "system"}, {"content", "s"}},
                                    user("u"),
                                    calling(R"({"x":1})", nullptr),
                                    {{"role", "tool"}, {"content", "t"}},
                                    assistant("b")});
  EXPECT_EQ(chat("qwen2", {{"messages", called}, {"tools", list({{{"name", "f"}}})}}),
            "<|im_start|>system\ns\n\nTools, which are called by <tool_call>\n"
            "{\"name\": ..., \"arguments\": {...}}\n</tool_call>:\n{\"name\": \"f\"}<|im_end|>\n"
            "<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n"
            "⟦<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\":1}}\n</tool_call><|im_end|>⟧\n"
            "<|im_start|>tool\nt<|im_end|>\n<|im_start|>assistant\n⟦b<|im_end|>⟧\n");
  expect_error(
      [&] {
        chat("qwen2", {{"messages", list({{{"role", "critic"}, {"content", "x"}}})}});
      },
      "not critic");
}

}  // namespace
}  // namespace graft::tokenizer
