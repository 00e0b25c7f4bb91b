#include "graft/data/check/checker.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "graft/data/check/report_json.h"
#include "graft/data/check/report_page.h"
#include "tests/support/expect_error.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::data::check {
namespace {

using Lines = std::vector<std::string>;

class Checker : public ::testing::Test {
 protected:
  // A file of the test's folder, as the source of a split.
  void add(const std::string& split, const std::string& file, std::string_view bytes) {
    testing::write_bytes(folder_ / file, bytes);
    add_files(split, {file});
  }

  void add_files(const std::string& split, const std::vector<std::string>& files) {
    Source source;
    for (const std::string& file : files) source.files.push_back({folder_ / file, file});
    splits_.push_back({split, {source}});
  }

  Report run(const CheckOptions& options = {}) { return check(splits_, options, front_end_); }

  Report run_with(const RenderOptions& render, size_t shown = 3) {
    const auto tokenizer = tokenizer::Tokenizer::load(testing::tokenizer_fixture("smollm"));
    const Encoder encoder(tokenizer, chat_form(testing::tokenizer_fixture("smollm"), tokenizer),
                          render);
    return run({.encoder = &encoder, .shown = shown});
  }

  // "kind file:line detail other"
  static Lines problems(const Report& report) {
    Lines lines;
    for (const ProblemList& list : report.problems) {
      for (const Problem& problem : list.listed) {
        lines.push_back(fmt::format("{} {} {}{}", list.kind->name, report.place_text(problem.place),
                                    problem.detail,
                                    problem.other ? " " + report.place_text(*problem.other) : ""));
      }
    }
    return lines;
  }

  testing::TempFolder folder_;
  testing::RecordingFrontEnd front_end_;
  std::vector<CheckedSplit> splits_;
};

TEST_F(Checker, SaysWhatThereIs) {
  add("train", "a.jsonl", "{\"text\": \"one two\"}\n{\"text\": \"three\"}\n");
  add("valid", "b.jsonl", "{\"prompt\": \"four\", \"completion\": \"five\"}\n");
  const Report report = run();
  EXPECT_EQ(problems(report), Lines{});
  ASSERT_EQ(report.sources.size(), 2u);
  const SourceReport &a = report.sources[0], &b = report.sources[1];
  EXPECT_EQ(a.split, "train");
  EXPECT_EQ(a.name, "a.jsonl");
  EXPECT_EQ(a.format, "text");
  EXPECT_EQ(a.records, 2);
  EXPECT_EQ(a.broken, 0);
  EXPECT_EQ(a.lengths.total, 12);
  EXPECT_EQ(a.lengths.longest, 7);
  EXPECT_EQ(b.split, "valid");
  EXPECT_EQ(b.format, "pair");
  EXPECT_EQ(b.fields, "prompt, completion");
  EXPECT_EQ(b.lengths.total, 8);
}

TEST_F(Checker, GoesOnBehindBrokenRows) {
  add("train", "a.jsonl",
      "{\"text\": \"one\"}\n{\"text\": \n[1]\n{\"text\": 5}\n{\"other\": 1}\n{\"text\": \"\xff\"}\n"
      "{\"text\": \"two\"}\n");
  const Report report = run({.listed = 3});
  EXPECT_EQ(report.sources[0].records, 2);
  EXPECT_EQ(report.sources[0].broken, 5);
  EXPECT_EQ(report.problem_count(), 5);
  const Lines lines = problems(report);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[0].starts_with("broken_record a.jsonl:2 not valid JSON")) << lines[0];
  EXPECT_EQ(lines[1], "broken_record a.jsonl:3 a JSON object is expected, not array");
  EXPECT_EQ(lines[2], "broken_record a.jsonl:4 \"text\" is not a string but number");
}

TEST_F(Checker, TheFirstRecordOfAKnownFormatDecides) {
  add("train", "a.jsonl", "{\"other\": 1}\n{\"text\": \"one\"}\n");
  const Report report = run();
  EXPECT_EQ(report.sources[0].format, "text");
  EXPECT_EQ(report.sources[0].records, 1);
  EXPECT_EQ(problems(report),
            Lines{"broken_record a.jsonl:1 the data set's records are of the format text (text), "
                  "and this one is not: its keys are other"});
}

TEST_F(Checker, WhatIsNoDataSetAtAll) {
  add("train", "a.jsonl", "{\"other\": 1}\n{\"else\": 1}\n");
  const Report report = run();
  EXPECT_EQ(report.sources[0].format, "");
  EXPECT_EQ(report.sources[0].broken, 2);
  EXPECT_NE(problems(report).at(2).find("a record of no known format: its keys are else"),
            std::string::npos);
}

TEST_F(Checker, OneFileThatCannotBeReadDoesNotHideTheOthers) {
  testing::write_bytes(folder_ / "a.json", "[{\"text\": \"one\"}, {\"text\": \"two\"}, oops]");
  testing::write_bytes(folder_ / "b.jsonl", std::string_view("\xff\xfe{\0}\0\n\0", 8));
  testing::write_bytes(folder_ / "c.jsonl", "{\"text\": \"three\"}\n");
  add_files("train", {"a.json", "b.jsonl", "missing.jsonl", "c.jsonl"});
  const Report report = run();
  EXPECT_EQ(report.sources[0].records, 3);
  const Lines lines = problems(report);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[2].starts_with("broken_record a.json:1 ")) << lines[2];
  EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.starts_with("unreadable_file b.jsonl") && line.find("UTF-16") != std::string::npos;
  }));
  EXPECT_TRUE(std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.starts_with("unreadable_file missing.jsonl");
  }));
}

TEST_F(Checker, ASourceWithoutARecordIsAProblem) {
  add("train", "a.jsonl", "");
  add("valid", "b.jsonl", "\n\n");
  EXPECT_EQ(problems(run()), (Lines{"no_records a.jsonl no record of it can be read",
                                    "no_records b.jsonl no record of it can be read"}));
}

TEST_F(Checker, UnreadableFilesAreNamedOnce) {
  add("train", "a.jsonl", std::string_view("\xff\xfe{\0}\0\n\0", 8));
  EXPECT_EQ(problems(run()).at(0).find("unreadable_file a.jsonl is no JSONL: it is in UTF-16"), 0u);
}

TEST_F(Checker, ArraysThatEndTooEarlySayWhere) {
  add("train", "a.json", "[\n{\"text\": \"one\"},\n{\"text\": \"two");
  const Report report = run();
  EXPECT_EQ(report.sources[0].records, 1);
  EXPECT_EQ(problems(report), Lines{"unreadable_file a.json:3 the file ends inside what begins "
                                    "here: is it cut off?"});
}

TEST_F(Checker, RecordsOfSeveralSplitsAreCompared) {
  const std::string near =
      "a long enough text of many words that differs from the other one in its last word alone "
      "which is why it counts as near to it and not as equal ";
  add("train", "a.jsonl",
      "{\"text\": \"one\"}\n{\"text\": \"one\"}\n{\"text\": \"" + near + "here\"}\n");
  add("test", "b.jsonl", "{\"text\": \" one\"}\n{\"text\": \"" + near + "there\"}\n");
  EXPECT_EQ(problems(run()), (Lines{"duplicate_between_splits b.jsonl:1 as a.jsonl:1",
                                    "near_duplicate_between_splits b.jsonl:2 94 % as a.jsonl:3",
                                    "duplicate a.jsonl:2 as a.jsonl:1"}));
}

TEST_F(Checker, ProblemsAreCountedBySource) {
  add("train", "a.jsonl", "{\"text\": \"\"}\n{\"text\": \" \"}\n");
  add("valid", "b.jsonl", "{\"text\": \"\"}\n");
  const Report report = run({.listed = 1});
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].counts, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(report.problems[0].listed.size(), 1u);
}

TEST_F(Checker, EncodingsOfFiles) {
  add("train", "a.jsonl", "\xEF\xBB\xBF{\"text\": \"one\"}\n");
  EXPECT_EQ(problems(run()), Lines{"file_encoding a.jsonl it begins with a byte order mark"});
}

TEST_F(Checker, EncodingsOfWholeFiles) {
  const std::string line = "{\"text\": \"" + std::string(5000, 'x') + "\"}\n";
  std::string lines;
  for (int i = 0; i < 600; ++i) lines += line;  // 3 MB, which are all alike
  const std::string told =
      "file_encoding a.jsonl line ends are mixed: LF (line 1), CR LF (line 601)";
  add("train", "a.jsonl", lines + "{\"text\": \"y\"}\r\n");
  const auto has = [&] {
    const Lines all = problems(run({.listed = 1}));
    return std::find(all.begin(), all.end(), told) != all.end();
  };
  EXPECT_TRUE(has());
  splits_[0].sources[0].slice = {.begin = 0, .end = 100};  // its row 601 is not read
  EXPECT_FALSE(has());
}

TEST_F(Checker, CountsTokensAtFullLength) {
  add("train", "a.jsonl",
      "{\"text\": \"the cat\"}\n{\"text\": \"the cat the cat the cat the cat the cat\"}\n");
  const Report report = run_with({.add_eos = false, .max_seq_length = 6});
  const auto tokenizer = tokenizer::Tokenizer::load(testing::tokenizer_fixture("smollm"));
  const auto one = std::ssize(tokenizer.encode("the cat"));
  const auto two = std::ssize(tokenizer.encode("the cat the cat the cat the cat the cat"));
  ASSERT_GT(two, 6);
  ASSERT_LE(one, 6);
  const SourceReport& source = report.sources[0];
  EXPECT_TRUE(report.has_tokens);
  EXPECT_EQ(source.lengths.total, one + two);
  EXPECT_EQ(source.lengths.longest, two);
  EXPECT_EQ(source.tokens.examples, 2);
  EXPECT_EQ(source.tokens.trained, one + two - 2);
  EXPECT_EQ(source.tokens.longer, 1);
  EXPECT_EQ(source.tokens.beyond, two - 6);
  EXPECT_EQ(problems(report), Lines{fmt::format("too_long a.jsonl:2 {} tokens", two)});
}

TEST_F(Checker, AnswersBehindTheCutAreTold) {
  add("train", "a.jsonl",
      "{\"prompt\": \"the cat the cat the cat the cat\", \"completion\": \" sat\"}\n");
  const Lines lines = problems(run_with({.max_seq_length = 4, .raw_pairs = true}));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_TRUE(lines[0].ends_with("and all that is trained lies behind the cut")) << lines[0];
}

TEST_F(Checker, RecordsWithoutATrainedTokenAreTold) {
  add("train", "a.jsonl", "{\"text\": \"\"}\n");
  EXPECT_EQ(problems(run_with({})), (Lines{"empty_record a.jsonl:1 nothing but white space",
                                           "untrained a.jsonl:1 fewer than 2 tokens"}));
}

TEST_F(Checker, TokensThatTheModelLacksAreTold) {
  add("train", "a.jsonl", "{\"text\": \"a b\"}\n");
  const auto id =
      tokenizer::Tokenizer::load(testing::tokenizer_fixture("smollm")).encode("a").back();
  const Report report = run_with({.vocab_size = id});
  ASSERT_FALSE(report.problems.empty());
  EXPECT_STREQ(report.problems[0].kind->name, "beyond_vocabulary");
  EXPECT_EQ(problems(report)[0],
            fmt::format("beyond_vocabulary a.jsonl:1 the tokenizer gives token {} (a), but the "
                        "model has {}",
                        id, id));
  EXPECT_EQ(problems(run_with({})), Lines{});
}

TEST_F(Checker, CallsOfToolsThatAreNotWrittenAreTold) {
  add("train", "a.jsonl",
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}]})");
  const testing::TempFolder model;
  testing::write_bytes(
      model / "chat_template.jinja",
      "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
  const auto tokenizer = tokenizer::Tokenizer::load(testing::tokenizer_fixture("smollm"));
  const Encoder encoder(tokenizer, chat_form(model.path(), tokenizer), {});
  EXPECT_EQ(problems(run({.encoder = &encoder})), Lines{"unwritten_calls a.jsonl:1 messages[1]"});
  EXPECT_EQ(problems(run_with({})), Lines{});  // ChatML
}

TEST_F(Checker, WhatIsNotTrainedOnSaysSo) {
  add("train", "a.jsonl", R"({"prompt": "one", "chosen": "two", "rejected": "three"})");
  add("valid", "b.jsonl", R"({"prompt": "one", "completion": "four"})");
  const Report report = run();
  EXPECT_EQ(report.sources[0].compared, 1);
  EXPECT_EQ(not_trained_on(report.sources[0]),
            "preference records: this version checks and shows them, it does not train on them");
  EXPECT_EQ(not_trained_on(report.sources[1]), "");
  EXPECT_FALSE(to_json(report)["sources"][0]["trainable"]);
  EXPECT_TRUE(to_json(report)["sources"][1]["trainable"]);
  EXPECT_NE(page_of(report).find("a.jsonl: preference records: this"), std::string::npos);
}

TEST_F(Checker, BothAnswersOfAPreferenceAreCountedAndShown) {
  add("train", "a.jsonl", "{\"prompt\": \"the\", \"chosen\": \" cat\", \"rejected\": \" dog\"}\n");
  const Report report = run_with({.raw_pairs = true});
  EXPECT_EQ(problems(report), Lines{});
  EXPECT_EQ(report.sources[0].records, 1);
  EXPECT_EQ(report.sources[0].tokens.examples, 2);
  ASSERT_EQ(report.shown.size(), 1u);
  ASSERT_EQ(report.shown[0].examples.size(), 2u);
  EXPECT_EQ(report.shown[0].examples[0].name, "chosen");
  EXPECT_EQ(report.shown[0].examples[1].name, "rejected");
  EXPECT_EQ(report.shown[0].examples[1].runs.back().text, " dog");
  EXPECT_TRUE(report.shown[0].examples[1].runs.back().trained);
}

TEST_F(Checker, LabelledAnswersAreShown) {
  add("train", "a.jsonl", "{\"prompt\": \"the\", \"completion\": \" cat\", \"label\": false}\n");
  const Report report = run_with({.raw_pairs = true});
  ASSERT_EQ(report.shown.size(), 1u);
  EXPECT_EQ(report.shown[0].examples[0].name, "labelled bad");
}

TEST_F(Checker, ShowsTheFirstRecordsOfTheFirstSplit) {
  add("train", "a.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n{\"text\": \"three\"}\n");
  add("valid", "b.jsonl", "{\"text\": \"four\"}\n");
  const Report report = run({.shown = 2});
  ASSERT_EQ(report.shown.size(), 2u);
  EXPECT_EQ(report.shown[1].file, "a.jsonl");
  EXPECT_EQ(report.shown[1].line, 2);
  EXPECT_EQ(run({.shown = 0}).shown.size(), 0u);
}

TEST_F(Checker, SecretsAreInNoPartOfTheReport) {
  const std::string secret = std::string("AKIA") + "Q3EGRZ7XPYD2MNVB";
  add("train", "a.jsonl",
      "{\"prompt\": \"the " + secret + "\", \"completion\": \"" + secret + "\"}\n" + "{\"" +
          secret + "\": 1}\n");
  for (const Report& report : {run(), run_with({})}) {
    EXPECT_EQ(to_json(report).dump().find(secret), std::string::npos);
    EXPECT_NE(to_json(report).dump().find("an access key of AWS"), std::string::npos);
    EXPECT_EQ(page_of(report).find(secret), std::string::npos);
  }
}

TEST_F(Checker, TextsCannotBeElementsOfThePage) {
  add("train", "a.jsonl",
      "{\"text\": \"<script>alert('x')</script> & \\u001b[31m\"}\n{\"<b>\": 1}\n");
  const std::string page = page_of(run());
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<b>\xE2"), std::string::npos);
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; \\u{1b}[31m"),
            std::string::npos);
}

TEST_F(Checker, JsonHasAllOfIt) {
  add("train", "a.jsonl", "{\"text\": \"one\"}\n{\"text\": \"one\"}\n");
  const ordered_json report = to_json(run());
  EXPECT_EQ(report["version"], 1);
  EXPECT_EQ(report["problem_count"], 1);
  EXPECT_EQ(report["sources"][0]["records"], 2);
  EXPECT_EQ(report["sources"][0]["characters"]["total"], 6);
  EXPECT_EQ(report["problems"][0]["kind"], "duplicate");
  EXPECT_EQ(report["problems"][0]["by_source"], ordered_json::parse("[1]"));
  EXPECT_EQ(report["problems"][0]["listed"][0]["line"], 2);
  EXPECT_EQ(report["problems"][0]["listed"][0]["other"]["line"], 1);
  EXPECT_EQ(report["shown"].size(), 2u);
}

TEST_F(Checker, CanBeCancelled) {
  add("train", "a.jsonl", "{\"text\": \"one\"}\n");
  front_end_.cancel = true;
  EXPECT_THROW(run(), Cancelled);
}

TEST_F(Checker, ShowsHowFarItIs) {
  add("train", "a.jsonl", "{\"text\": \"one\"}\n");
  run();
  ASSERT_GE(front_end_.shown.size(), 3u);
  EXPECT_EQ(front_end_.shown.front().at(0).fields, (Lines{"a.jsonl", "1 records"}));
  EXPECT_EQ(front_end_.shown.at(1).at(0).fields, Lines{"comparing 1 records"});
  EXPECT_TRUE(front_end_.shown.back().empty());
}

TEST_F(Checker, WhatIsAskedForAndCannotBeIsRefused) {
  add("train", "a.jsonl", "{\"text\": \"one\"}\n");
  testing::expect_error<UsageError>([&] { run_with({.train_on = tokenizer::TrainOn::completion}); },
                                    "a text has neither");
}

}  // namespace
}  // namespace graft::data::check
