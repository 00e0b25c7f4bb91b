#include "graft/data/load.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::data {
namespace {

using testing::expect_error;
using testing::read_bytes;
using testing::TempFolder;
using testing::write_bytes;
using Ids = std::vector<int32_t>;

tokenizer::Tokenizer fixture(const char* kind) {
  return tokenizer::Tokenizer::load(testing::tokenizer_fixture(kind));
}

Ids ids_of(const Dataset& set, size_t i) {
  const auto ids = set.examples[i].ids;
  return {ids.begin(), ids.end()};
}

std::vector<Ids> ids_of(const Dataset& set) {
  std::vector<Ids> all;
  for (size_t i = 0; i < set.examples.size(); ++i) all.push_back(ids_of(set, i));
  return all;
}

// A folder with a train.jsonl, and the tokenizer that has <|im_end|> for its EOS.
class Load : public ::testing::Test {
 protected:
  void write(std::string_view lines) { write_bytes(folder_ / "train.jsonl", lines); }

  Dataset load(const RenderOptions& options) {
    const Source source{.files = {{folder_ / "train.jsonl", "train.jsonl"}}};
    return load_sources({source}, options);
  }

  Dataset load_sources(const std::vector<Source>& sources, const RenderOptions& options) {
    const Encoder encoder(tokenizer_, chat_form(folder_.path(), tokenizer_), options);
    return data::load(sources, "train.jsonl", encoder, *silent_front_end());
  }

  Ids encode(std::string_view text) { return tokenizer_.encode(text); }
  Ids ended(std::string_view text) {
    Ids ids = encode(text);
    ids.push_back(tokenizer_.eos_id().value());
    return ids;
  }

  TempFolder folder_;
  tokenizer::Tokenizer tokenizer_ = fixture("smollm");
};

TEST_F(Load, EndsEveryExampleWithOneEos) {
  write(R"({"text": "the cat"}
{"text": "the dog<|im_end|>"}
{"text": "<|im_end|> the end"}
)");
  Dataset set = load({.add_eos = true});
  EXPECT_EQ(ids_of(set), (std::vector<Ids>{ended("the cat"), encode("the dog<|im_end|>"),
                                           ended("<|im_end|> the end")}));
  EXPECT_EQ(set.examples[1].ids.back(), tokenizer_.eos_id());
}

TEST_F(Load, AddsNoEosUnlessAsked) {
  write(R"({"text": "the cat"})");
  EXPECT_EQ(ids_of(load({})), std::vector<Ids>{encode("the cat")});
}

TEST_F(Load, BeginsExamplesAsThePostProcessorDoes) {
  tokenizer_ = fixture("llama3");
  write(R"({"text": "the cat"})");
  const Ids ids = ids_of(load({.add_eos = true}), 0);
  EXPECT_EQ(ids, ended("the cat"));
  EXPECT_EQ(ids[0], tokenizer_.token_id("<|begin|>"));
  EXPECT_NE(ids[1], ids[0]);
}

TEST_F(Load, WithoutAnEosInTheTokenizerNoneCanBeAdded) {
  fs::copy(testing::tokenizer_fixture("gpt2") / "tokenizer.json", folder_.path());
  tokenizer_ = tokenizer::Tokenizer::load(folder_.path());
  write(R"({"text": "the cat"})");
  expect_error([&] { load({.add_eos = true}); }, {"eos_token", "`add_eos`"});
  EXPECT_EQ(ids_of(load({})), std::vector<Ids>{encode("the cat")});
}

TEST_F(Load, CutsLongExamplesAndCountsThem) {
  write(R"({"text": "a b c d e f"}
{"text": "a b"}
{"text": "g h i j k l m"}
)");
  RenderOptions options{.add_eos = true, .max_seq_length = 4};
  Dataset set = load(options);
  EXPECT_EQ(set.counts.truncated, 2);
  EXPECT_EQ(ids_of(set, 1), ended("a b"));
  // The EOS of what is cut goes too: the text does not end there.
  Ids whole = encode("a b c d e f");
  EXPECT_EQ(ids_of(set, 0), Ids(whole.begin(), whole.begin() + 4));
  EXPECT_EQ(set.examples.totals().longest, 4);
  EXPECT_EQ(set.examples.totals().tokens, 4 + std::ssize(ended("a b")) + 4);
}

TEST_F(Load, ExampleOfTheGreatestLengthIsNotCut) {
  write(R"({"text": "a b c d e f"})");
  int length = static_cast<int>(ended("a b c d e f").size());
  RenderOptions options{.add_eos = true, .max_seq_length = length};
  EXPECT_EQ(load(options).counts.truncated, 0);
  EXPECT_EQ(ids_of(load(options)), std::vector<Ids>{ended("a b c d e f")});
}

TEST_F(Load, LeavesOutWhatHasNothingToPredict) {
  write(R"({"text": ""}
{"text": "a"}
{"text": "a b"}
{"text": ""}
)");
  Dataset set = load({.add_eos = true});
  EXPECT_EQ(ids_of(set), (std::vector<Ids>{ended("a"), ended("a b")}));
  EXPECT_EQ(set.examples[0].line, 2);
  EXPECT_EQ(set.examples[1].line, 3);
  EXPECT_EQ(set.counts.too_short, 2);
}

TEST_F(Load, ASetOfNothingToPredictIsAnError) {
  write(R"({"text": ""}
{"text": "a"}
)");
  EXPECT_EQ(encode("a").size(), 1u);
  expect_error([&] { load({}); },
               {"train.jsonl", "of 2 records all are left out (2 of fewer than 2 tokens)"});
  EXPECT_EQ(load({.add_eos = true}).examples.size(), 1u);
}

TEST_F(Load, ATokenThatTheModelHasNoWordForIsNamed) {
  write(R"({"text": "a<|im_end|>b"}

{"text": "a<|im_end|>c"}
)");
  RenderOptions options{.vocab_size = encode("c").at(0)};
  EXPECT_LT(encode("b").at(0), options.vocab_size);
  expect_error([&] { load(options); }, {"train.jsonl:3: ", "(c)"});
  ++options.vocab_size;
  EXPECT_EQ(load(options).examples.size(), 2u);
}

// A model's template in ChatML's form.
constexpr const char* kTemplate =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' + '\\n' "
    "}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

class LoadChats : public Load {
 protected:
  LoadChats() { write_bytes(folder_ / "chat_template.jinja", kTemplate); }

  // What of an example is trained, as text.
  std::string trained(const Dataset& set, size_t i = 0) {
    const ExampleView example = set.examples[i];
    const std::vector<float> weights = example.weights();
    Ids ids;
    for (size_t t = 1; t < weights.size(); ++t) {
      if (weights[t] != 0) ids.push_back(example.ids[t]);
    }
    return tokenizer_.decode(ids);
  }
};

TEST_F(LoadChats, TrainOnWhatAssistantsSay) {
  write(
      R"({"messages": [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "a dog"},
    {"role": "user", "content": "x"}, {"role": "assistant", "content": "the end"}]})"
      "\n");
  std::string line = read_bytes(folder_ / "train.jsonl");
  std::replace(line.begin(), line.end() - 1, '\n', ' ');
  write(line);
  EXPECT_EQ(trained(load({.add_eos = true})), "a dog<|im_end|>the end<|im_end|>");
  using tokenizer::TrainOn;
  EXPECT_EQ(trained(load({.train_on = TrainOn::last})), "the end<|im_end|>");
  EXPECT_EQ(trained(load({.train_on = TrainOn::completion})), "the end<|im_end|>\n");
  const Dataset all = load({.train_on = TrainOn::all});
  EXPECT_TRUE(all.examples[0].runs.empty());
  EXPECT_EQ(all.described,
            "chats (messages) in the model's chat template; all of it is trained, prompts too");
}

TEST_F(LoadChats, PairsGoThroughTheTemplateUnlessTheyAreRaw) {
  write(R"({"prompt": "the cat", "completion": " a dog"})");
  EXPECT_EQ(trained(load({.add_eos = true})), " a dog<|im_end|>\n");
  const Dataset raw = load({.add_eos = true, .raw_pairs = true});
  EXPECT_EQ(ids_of(raw, 0), ended("the cat a dog"));
  EXPECT_EQ(trained(raw), " a dog<|im_end|>");
  EXPECT_EQ(raw.described, "pairs (prompt, completion) as plain texts; completions are trained");
  fs::remove(folder_ / "chat_template.jinja");  // without one they are raw
  EXPECT_EQ(ids_of(load({.add_eos = true}), 0), ended("the cat a dog"));
}

TEST_F(LoadChats, WithoutATemplateAreChatMl) {
  fs::remove(folder_ / "chat_template.jinja");
  write(
      R"({"messages": [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "a dog"}]})");
  const Dataset set = load({.add_eos = true});
  EXPECT_EQ(trained(set), "a dog<|im_end|>");
  EXPECT_EQ(set.described, "chats (messages) as ChatML; what assistants say is trained");
}

TEST_F(LoadChats, WithoutAnAnswerAreLeftOutAndListed) {
  write(R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
{"messages": [{"role": "user", "content": "a"}]}
{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "train": false}]}
)");
  const Dataset set = load({});
  EXPECT_EQ(set.examples.size(), 1u);
  EXPECT_EQ(set.counts.untrained, 2);
  EXPECT_EQ(set.counts.untrained_places,
            (std::vector<std::string>{"train.jsonl:2", "train.jsonl:3"}));
  write(R"({"messages": [{"role": "user", "content": "a"}]})");
  expect_error([&] { load({}); }, "1 without a token to train on");
}

TEST_F(LoadChats, CallsOfToolsThatAreNotWrittenAreCounted) {
  const std::string call =
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}]})";
  write(R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
)" + call +
        "\n" + call + "\n");
  const Dataset set = load({});
  EXPECT_EQ(set.counts.unwritten_calls, 2);
  EXPECT_EQ(set.counts.unwritten_place, "train.jsonl:2");
  const Source source{.files = {{folder_ / "train.jsonl", "train.jsonl"}}};
  for (int start = 0; start < 2; ++start) {  // the second one finds the file of tokens
    const Encoder encoder(tokenizer_, chat_form(folder_.path(), tokenizer_), {});
    const Dataset kept =
        data::load({source}, "train.jsonl", encoder, *silent_front_end(), {folder_ / "cache", 1});
    EXPECT_FALSE(testing::names_in(folder_ / "cache").empty());
    EXPECT_EQ(kept.counts.unwritten_calls, 2);
    EXPECT_EQ(kept.counts.unwritten_place, "train.jsonl:2");
  }
  fs::remove(folder_ / "chat_template.jinja");  // graft's own writes them
  EXPECT_EQ(load({}).counts.unwritten_calls, 0);
}

TEST_F(LoadChats, WhatIsWrongNamesFileAndLine) {
  write(R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
{"text": "a b c"}
)");
  expect_error([&] { load({}); }, {"train.jsonl:2", "format text", "format chat"});
  write_bytes(folder_ / "chat_template.jinja",
              "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') "
              "}}{% endif %}{{ m.content }}{% endfor %}");
  write(R"({"messages": [{"role": "user", "content": "a b"}]}
{"messages": [{"role": "system", "content": "a"}]}
)");
  expect_error([&] { load({.train_on = tokenizer::TrainOn::all}); },
               {"train.jsonl:2", "no system"});
  write(R"({"text": "a b c"})");
  expect_error([&] { load({.train_on = tokenizer::TrainOn::completion}); },
               {"train.jsonl:1", "`train_on`"});
  write(R"({"prompt": "a", "chosen": "b", "rejected": "c"})");
  expect_error([&] { load({}); }, {"train.jsonl:1", "preference"});
  write("\n\n");
  expect_error([&] { load({}); }, "holds no records");
}

TEST_F(Load, AShareWithoutARecordSaysWhichOneWouldDo) {
  write(R"({"text": "the cat"}
{"text": "the dog"}
{"text": "the end"}
)");
  const auto load_share = [&](double begin, double end) {
    const Source source{.files = {{folder_ / "train.jsonl", "train.jsonl"}},
                        .hashes = {begin, end}};
    return load_sources({source}, {});
  };
  // The share that a message names, which has to do for both sets.
  const auto expect_helpful = [&](double begin, double end, std::string_view says) {
    const std::string message = testing::error_of([&] { load_share(begin, end); });
    EXPECT_NE(message.find(says), std::string::npos) << message;
    const double share = std::stod(message.substr(message.find("; ") + 2));
    EXPECT_GT(load_share(0, share).examples.size(), 0u) << message;
    EXPECT_GT(load_share(share, 1).examples.size(), 0u) << message;
  };
  expect_helpful(0, 1e-6,
                 "train.jsonl holds no records: none of 3 records is in the share 1e-06 that "
                 "`valid_split` sets aside; 0.");
  expect_helpful(0.999999, 1, "`valid_split` 0.999999 leaves none of 3 records; 0.");
  write(R"({"text": "the cat"})");
  expect_error([&] { load_share(0, 1e-6); }, "none of 1 records is");
  expect_error([&] { load_share(0, 1e-6); }, "no share divides them");
}

TEST_F(Load, OfSeveralBadRowsTheFirstIsNamed) {
  std::string lines;
  for (int i = 0; i < 500; ++i)
    lines += R"({"text": "a b"})"
             "\n";
  write(lines + "{\"text\": 3}\n" + lines + "{\n");
  expect_error([&] { load({}); }, "train.jsonl:501");
}

TEST_F(Load, LongExamplesAreDroppedSplitOrAnError) {
  write(R"({"text": "a b c d e f g"}
{"text": "a b"}
)");
  const Ids whole = encode("a b c d e f g");
  ASSERT_EQ(whole.size(), 11u);
  const auto slice = [&](std::ptrdiff_t begin, std::ptrdiff_t end) {
    return Ids(whole.begin() + begin, whole.begin() + end);
  };
  RenderOptions options{.max_seq_length = 5, .overlong = Overlong::drop};
  EXPECT_EQ(ids_of(load(options)), std::vector<Ids>{encode("a b")});
  EXPECT_EQ(load(options).counts.dropped, 1);
  options.overlong = Overlong::error;
  expect_error([&] { load(options); }, {"train.jsonl:1", "11 tokens", "`max_seq_length` 5"});
  options.overlong = Overlong::split;
  EXPECT_EQ(ids_of(load(options)), (std::vector<Ids>{slice(0, 5), slice(5, 10),
                                                     encode("a b")}));  // one token is no example
  options.overlap = 2;
  const Dataset overlapping = load(options);
  EXPECT_EQ(ids_of(overlapping),
            (std::vector<Ids>{slice(0, 5), slice(3, 8), slice(6, 11), encode("a b")}));
  // What two parts share carries loss once.
  EXPECT_EQ(overlapping.examples[1].weights(), (std::vector<float>{0, 0, 1, 1, 1}));
  EXPECT_EQ(overlapping.examples.totals().trained, 10 + std::ssize(encode("a b")) - 1);
  EXPECT_EQ(overlapping.counts.split, 1);
}

TEST_F(Load, APartByHashIsTheSameWhateverStandsAround) {
  std::string lines;
  for (int i = 0; i < 400; ++i) lines += fmt::format("{{\"text\": \"a b {}\"}}\n", i);
  write(lines + lines);
  const auto part = [&](double begin, double end, const char* file = "train.jsonl") {
    return ids_of(load_sources({{.files = {{folder_ / file, file}}, .hashes = {begin, end}}}, {}));
  };
  const std::vector<Ids> valid = part(0, 0.25), train = part(0.25, 1);
  EXPECT_EQ(valid.size() + train.size(), 800u);
  EXPECT_NEAR(static_cast<double>(valid.size()), 200, 50);
  for (const Ids& ids : valid) EXPECT_EQ(std::count(train.begin(), train.end(), ids), 0);
  write_bytes(folder_ / "more.jsonl", "{\"text\": \"x y\"}\n" + lines);
  const std::vector<Ids> again = part(0, 0.25, "more.jsonl");
  for (const Ids& ids : valid) EXPECT_EQ(std::count(again.begin(), again.end(), ids), 1);
}

TEST_F(Load, SourcesHaveSharesAndTheirFiles) {
  write_bytes(folder_ / "a.jsonl", "{\"text\": \"a b\"}\n{\"text\": \"a c\"}\n");
  write_bytes(folder_ / "b.csv", "text\nd e\n");
  const std::vector<Source> sources = {{.files = {{folder_ / "a.jsonl", "a.jsonl"}}, .weight = 1},
                                       {.files = {{folder_ / "b.csv", "b.csv"}}, .weight = 3}};
  const Dataset set = load_sources(sources, {});
  ASSERT_EQ(set.shares.size(), 2u);
  EXPECT_EQ(set.shares[1].begin, 2u);
  EXPECT_EQ(set.shares[1].end, 3u);
  EXPECT_EQ(set.shares[1].weight, 3);
  EXPECT_EQ(set.place_of(1), "a.jsonl:2");
  EXPECT_EQ(set.place_of(2), "b.csv:2");
  Dataset other = set;
  other.shares[1].weight = 2;
  EXPECT_NE(fingerprint(other), fingerprint(set));
}

TEST_F(Load, ASliceCountsTheRowsOfAllFiles) {
  write_bytes(folder_ / "a.jsonl", "{\"text\": \"a 1\"}\n{\"text\": \"a 2\"}\n");
  write_bytes(folder_ / "b.jsonl", "{\"text\": \"a 3\"}\n{\"text\": \"a 4\"}\n");
  Source source{.files = {{folder_ / "a.jsonl", "a"}, {folder_ / "b.jsonl", "b"}}};
  source.slice = {.begin = -3, .end = -1};
  EXPECT_EQ(ids_of(load_sources({source}, {})), (std::vector<Ids>{encode("a 2"), encode("a 3")}));
  source.slice = {.begin = 1, .end = 2};
  EXPECT_EQ(ids_of(load_sources({source}, {})), std::vector<Ids>{encode("a 2")});
}

}  // namespace
}  // namespace graft::data
