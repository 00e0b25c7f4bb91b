#include "graft/evaluation/scorers.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "graft/evaluation/evaluate.h"
#include "graft/evaluation/number.h"
#include "graft/models/registry.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_model.h"

namespace graft::evaluation {
namespace {

Scores one(Scorer& scorer, const std::string& answer, const std::string& reference,
           ordered_json record = ordered_json::object()) {
  const Answered answered{"", answer, reference, std::move(record), "test.jsonl:1"};
  return scorer.score({&answered, 1}).at(0);
}

using Values = std::vector<double>;

TEST(ExactScorer, ComparesTrimmedTextsAndCountsCommonWords) {
  const auto scorer = make_scorer("exact");
  EXPECT_EQ(scorer->measures(), (std::vector<std::string>{"exact", "f1"}));
  const auto values = [&](const char* answer, const char* reference) {
    return one(*scorer, answer, reference).values;
  };
  EXPECT_EQ(values(" Paris\n", "Paris"), (Values{1, 1}));
  EXPECT_EQ(values("The paris!", "Paris"), (Values{0, 1}));  // SQuAD's normalization
  // 2 common words of 3 and of 2: p 2/3, r 1.
  EXPECT_DOUBLE_EQ(values("big red dog", "red dog")[1], 0.8);
  EXPECT_DOUBLE_EQ(values("red red", "red dog")[1], 0.5);  // each counts once
  EXPECT_EQ(values("cat", "dog"), (Values{0, 0}));
  EXPECT_EQ(values("", ""), (Values{1, 1}));
  EXPECT_EQ(values("the", "a"), (Values{0, 1}));
  EXPECT_EQ(values("", "a dog"), (Values{0, 0}));
  EXPECT_EQ(values("\xC3\x84PFEL", "\xC3\xA4pfel")[1], 1);
  EXPECT_EQ(values("\xFF\xFE", "x")[1], 0);
}

TEST(JsonScorer, ComparesValues) {
  const auto scorer = make_scorer("json");
  const auto values = [&](const char* answer, const char* reference) {
    return one(*scorer, answer, reference).values;
  };
  EXPECT_EQ(values(R"({"a": 1, "b": [true, null]})", R"( {"b":[true,null],"a":1.0} )"),
            (Values{1, 1}));
  EXPECT_EQ(values("[1, 2]", "[2, 1]"), (Values{0, 1}));
  EXPECT_EQ(values("{\"a\": 1", "{\"a\": 1}"), (Values{0, 0}));
  EXPECT_EQ(values("Here it is: {}", "{}"), (Values{0, 0}));
  EXPECT_EQ(values("", "{}"), (Values{0, 0}));
  EXPECT_EQ(one(*scorer, std::string(5000, '['), "{}").values, (Values{0, 0}));
  EXPECT_EQ(one(*scorer, "{}", "no JSON").problem, "the reference is not JSON");
}

TEST(LastNumber, IsFoundInAllForms) {
  const std::pair<const char*, double> cases[] = {{"42", 42},
                                                  {"so 1,234.5 it is.", 1234.5},
                                                  {"1, 2, 3", 3},
                                                  {"-7", -7},
                                                  {"3-4", 4},
                                                  {"x-4", 4},
                                                  {"= -4", -4},
                                                  {"\xE2\x88\x92"
                                                   "5",
                                                   -5},
                                                  {".5", 0.5},
                                                  {"12.", 12},
                                                  {"$1,000,000 today", 1000000},
                                                  {"1,23", 23},
                                                  {"1234,567", 567},
                                                  {"2e3", 2000},
                                                  {"1.5E-2", 0.015},
                                                  {"1e+2", 100},
                                                  {"7e", 7},
                                                  {"12,345,67", 67},
                                                  {"#### 18", 18},
                                                  {"50%", 50},
                                                  {"1.2.3", 3},
                                                  {"0x10", 10},
                                                  {"1,000", 1000},
                                                  {"3 of 4", 4}};
  for (const auto& [text, number] : cases) {
    ASSERT_TRUE(last_number(text)) << text;
    EXPECT_DOUBLE_EQ(*last_number(text), number) << text;
  }
  for (const char* text : {"", "none", "-", ".", ",", "e5"}) {
    if (std::string_view(text) == "e5") continue;
    EXPECT_FALSE(last_number(text)) << text;
  }
  EXPECT_FALSE(last_number("1e999"));
  EXPECT_EQ(last_number("3 and 1e999"), 3);  // what a double does not hold is no number
  EXPECT_TRUE(last_number(std::string(400, '1') + " 5"));
}

TEST(NumberScorer, ComparesWithinTheTolerance) {
  const auto scorer = make_scorer("number", {.tolerance = 0.01});
  EXPECT_EQ(one(*scorer, "It is 1,005.", "#### 1000").values, Values{1});
  EXPECT_EQ(one(*scorer, "It is 1,020.", "#### 1000").values, Values{0});
  EXPECT_EQ(one(*scorer, "It is 0.005", "0").values, Values{1});  // absolute below 1
  EXPECT_EQ(one(*scorer, "I do not know", "0").values, Values{0});
  EXPECT_FALSE(one(*scorer, "5", "five").problem.empty());
  EXPECT_EQ(one(*make_scorer("number"), "1000.1", "1000").values, Values{0});
}

TEST(ChoiceScorer, FindsTheLetter) {
  const auto scorer = make_scorer("choice");
  const ordered_json record = {{"choices", {"Paris", "Rome", "a dog", "Bonn"}}};
  const auto values = [&](const char* answer, const char* reference) {
    return one(*scorer, answer, reference, record).values;
  };
  for (const char* answer : {"B", " (B) Rome", "B.", "B) Rome", "**B**", "rome", "The answer is B.",
                             "A is wrong, so the answer is (B).", "Answer: B", "Rome."}) {
    EXPECT_EQ(values(answer, "B"), (Values{1, 1})) << answer;
    EXPECT_EQ(values(answer, "Rome"), (Values{1, 1})) << answer;
    EXPECT_EQ(values(answer, "1"), (Values{1, 1})) << answer;
    EXPECT_EQ(values(answer, "C"), (Values{0, 1})) << answer;
  }
  for (const char* answer : {"", "A dog barks", "Because", "E", "I think so"}) {
    EXPECT_EQ(values(answer, "B"), (Values{0, 0})) << answer;
  }
  EXPECT_EQ(values("a dog", "C"), (Values{1, 1}));
  EXPECT_FALSE(one(*scorer, "A", "Lyon", record).problem.empty());
  const ordered_json arc = {{"choices", {{"text", {"x", "y"}}, {"label", {"1", "2"}}}}};
  EXPECT_EQ(one(*scorer, "2", "2", arc).values, (Values{1, 1}));
  EXPECT_EQ(one(*scorer, "1", "2", arc).values, (Values{0, 1}));
  EXPECT_EQ(one(*make_scorer("choice", {.choices = {"yes", "no"}}), "No.", "B").values,
            (Values{1, 1}));
  EXPECT_EQ(one(*scorer, "D", "D").values, (Values{1, 1}));  // letters alone
}

TEST(RegexScorer, MatchesOrComparesMatches) {
  const auto match = make_scorer("regex", {.pattern = "^SELECT .*;$"});
  EXPECT_EQ(one(*match, "SELECT 1;", "").values, Values{1});
  EXPECT_EQ(one(*match, "select 1;", "").values, Values{0});
  const auto compare = make_scorer("regex", {.pattern = "(?<=#)\\d+", .compare_matches = true});
  EXPECT_EQ(one(*compare, "#1, no, #12 it is", "so #12").values, Values{1});
  EXPECT_EQ(one(*compare, "#12, no, #1", "so #12").values, Values{0});
  EXPECT_EQ(one(*compare, "\xFF#12", "so #12").values, Values{1});
  EXPECT_FALSE(one(*compare, "#1", "none").problem.empty());
  testing::expect_error([] { make_scorer("regex"); }, "needs a `pattern`");
  testing::expect_error([] { make_scorer("regex", {.pattern = "("}); }, "`pattern`");
}

TEST(Scorers, AreMadeByName) {
  for (const ScorerKind& kind : scorer_kinds()) {
    EXPECT_FALSE(make_scorer(kind.name, {.pattern = "x"})->measures().empty()) << kind.name;
  }
  testing::expect_error([] { make_scorer("numbr"); },
                        "no scorer \"numbr\": it is one of exact, json, number");
  testing::expect_error([] { make_scorer("number", {.tolerance = -1}); }, "`tolerance`");
  testing::expect_error([] { make_scorer("sql", {.seconds = 0}); }, "`seconds`");
}

TEST(Figures, AreMeansOfWhatCounts) {
  const std::vector<Scores> scores = {
      {{1, 0}, {}, {}}, {{0, 0.5}, {}, {}}, {{}, "bad record", {}}, {{1, 1}, {}, {}}};
  const auto figures = figures_of({"a", "b"}, scores);
  ASSERT_EQ(figures.size(), 2u);
  EXPECT_DOUBLE_EQ(figures[0].mean, 2.0 / 3);
  EXPECT_DOUBLE_EQ(figures[1].mean, 0.5);
  EXPECT_NEAR(figures[0].standard_error, 1.0 / 3, 1e-12);  // sqrt(p (1 - p) / (n - 1))
  EXPECT_EQ(figures_of({"a"}, {})[0].mean, 0);
}

TEST(Evaluate, AnswersAndScores) {
  testing::TempFolder folder;
  testing::write_tiny_model(folder.path());
  const auto model = models::load_model(io::ModelFolder::open(folder.path()));
  const auto tokenizer = tokenizer::Tokenizer::load(folder.path());
  std::vector<Question> questions;
  for (int i = 0; i < 5; ++i) {
    const std::string prompt = "text " + std::to_string(i);
    questions.push_back({tokenizer.encode(prompt),
                         prompt,
                         i == 3 ? "no number" : "7",
                         {{"i", i}},
                         "test.jsonl:" + std::to_string(i + 1)});
  }
  const auto scorer = make_scorer("number");
  size_t told = 0;
  EvaluateOptions options;
  options.batch.batch_size = 2;
  options.batch.ends.max_tokens = 5;
  const Evaluation found =
      evaluate(*model, tokenizer, questions, *scorer, options, [&](size_t n) { told = n; });
  EXPECT_EQ(told, 5u);
  ASSERT_EQ(found.answers.size(), 5u);
  EXPECT_EQ(found.answers[4].record["i"], 4);
  EXPECT_EQ(found.scored, 4u);
  EXPECT_EQ(found.figures.size(), 1u);
  EXPECT_EQ(found.problems,
            (std::vector<std::string>{"test.jsonl:4: the reference has no number"}));

  options.batch.interrupted = [] { return true; };
  EXPECT_TRUE(evaluate(*model, tokenizer, questions, *scorer, options).scores.empty());
}

}  // namespace
}  // namespace graft::evaluation
