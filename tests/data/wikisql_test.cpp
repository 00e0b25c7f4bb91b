#include "graft/data/importers/wikisql.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/data/make_archive.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::data {
namespace {

namespace fs = std::filesystem;
using testing::make_archive;
using testing::Members;

constexpr size_t kNoLimit = static_cast<size_t>(-1);

// The second table has the oddities of the real ones: a comma in a name, letters outside ASCII.
const std::string kTables =
    R"({"id": "1-10-1", "header": ["Player", "No.", "School/Club Team"], "types": ["text", "real", "text"], "rows": [["A", 1, "B"]]})"
    "\n"
    R"json({"id": "1-10-2", "header": ["GDP (2003, in mil. \u20ac )", "W\u2013L", "Seats"], "types": ["real", "text", "real"]})json"
    "\n";

std::string question(const std::string& sql, const std::string& table = "1-10-1") {
  return R"({"phase": 1, "table_id": ")" + table + R"(", "question": "Who?", "sql": )" + sql +
         "}\n";
}

std::vector<std::string> lines_of(const std::string& questions, size_t limit = kNoLimit) {
  return wikisql_lines(questions, kTables, "q.jsonl", "t.jsonl", limit);
}

std::string failure(const std::string& questions, const std::string& tables = kTables) {
  return testing::error_of(
      [&] { wikisql_lines(questions, tables, "q.jsonl", "t.jsonl", kNoLimit); });
}

// The line with its text alone, as the published examples have it.
std::string text_alone(const std::string& line) {
  return line.substr(0, line.find(", \"prompt\": ")) + "}\n";
}

TEST(WikiSql, WritesTheFormOfThePublishedExamples) {
  const std::string questions =
      R"({"table_id": "1-10-1", "question": "What is Terrence Ross' \"number\" ", "sql": {"sel": 1, "agg": 0, "conds": [[0, 0, "Terrence Ross"]]}})"
      "\n"
      R"({"table_id": "1-10-2", "question": "w\u2013l?", "sql": {"agg": 3, "sel": 1, "conds": [[0, 1, 51092.0], [1, 0, "'11\u201311'"], [2, 2, 7]]}})"
      "\n"
      R"({"table_id": "1-10-2", "question": "Largest?", "sql": {"sel": 2, "agg": 1, "conds": []}})";
  const std::vector<std::string> lines = lines_of(questions);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(
      text_alone(lines[0]),
      R"({"text": "table: 1-10-1\ncolumns: Player, No., School/Club Team\nQ: What is Terrence Ross' \"number\" \nA: SELECT No. FROM 1-10-1 WHERE Player = 'Terrence Ross'"})"
      "\n");
  EXPECT_EQ(
      text_alone(lines[1]),
      R"json({"text": "table: 1-10-2\ncolumns: GDP (2003, in mil. \u20ac ), W\u2013L, Seats\nQ: w\u2013l?\nA: SELECT COUNT W\u2013L FROM 1-10-2 WHERE GDP (2003, in mil. \u20ac ) > 51092.0 AND W\u2013L = ''11\u201311'' AND Seats < 7"})json"
      "\n");
  EXPECT_EQ(
      text_alone(lines[2]),
      R"json({"text": "table: 1-10-2\ncolumns: GDP (2003, in mil. \u20ac ), W\u2013L, Seats\nQ: Largest?\nA: SELECT MAX Seats FROM 1-10-2"})json"
      "\n");
}

TEST(WikiSql, QuotesByTheColumnsTypeNotTheValues) {
  const auto shown = [](const std::string& condition) {
    const std::string line =
        text_alone(lines_of(question(R"({"sel": 0, "agg": 0, "conds": [)" + condition + "]}"))[0]);
    const size_t at = line.find(" WHERE ") + 7;
    return line.substr(at, line.size() - 3 - at);  // without the closing "}\n
  };
  EXPECT_EQ(shown(R"([1, 0, "1996"])"), "No. = 1996");
  EXPECT_EQ(shown("[0, 0, 243.0]"), "Player = '243.0'");
  EXPECT_EQ(shown("[1, 3, -12]"), "No. OP -12");
  // As Python's str() prints floats.
  EXPECT_EQ(shown("[1, 1, 11616996.338225884]"), "No. > 11616996.338225884");
  EXPECT_EQ(shown("[1, 1, 0.1]"), "No. > 0.1");
  EXPECT_EQ(shown("[1, 1, 0.0001]"), "No. > 0.0001");
  EXPECT_EQ(shown("[1, 1, 0.00001]"), "No. > 1e-05");
  EXPECT_EQ(shown("[1, 1, 1e15]"), "No. > 1000000000000000.0");
  EXPECT_EQ(shown("[1, 1, 1e16]"), "No. > 1e+16");
  EXPECT_EQ(shown("[1, 1, -0.0]"), "No. > -0.0");
}

TEST(WikiSql, HasTheTextInTwoPartsAndTheTable) {
  const std::string asked = question(R"({"sel": 1, "agg": 0, "conds": [[0, 0, "A"]]})");
  const std::string parts =
      R"json(, "prompt": "table: 1-10-1\ncolumns: Player, No., School/Club Team\nQ: Who?\nA:", "completion": " SELECT No. FROM 1-10-1 WHERE Player = 'A'")json";
  const std::string table =
      R"json(, "table": {"name": "1-10-1", "columns": ["Player","No.","School/Club Team"], "types": ["text","real","text"], "rows": [["A",1,"B"]]}})json";
  const std::string line = lines_of(asked)[0];
  EXPECT_TRUE(line.ends_with(parts + table + "\n")) << line;
  const std::string without =
      wikisql_lines(asked, kTables, "q.jsonl", "t.jsonl", kNoLimit, false)[0];
  EXPECT_TRUE(without.ends_with(parts + "}\n")) << without;
  // A table without rows is left out.
  EXPECT_EQ(lines_of(question(R"({"sel": 1, "agg": 0, "conds": []})", "1-10-2"))[0].find("rows"),
            std::string::npos);
}

TEST(WikiSql, KeepsTheFirstRowsOfALongTable) {
  std::string rows = "[0]";
  for (int i = 1; i < 1000; ++i) rows += ", [" + std::to_string(i) + "]";
  const auto line = [](const std::string& table_rows) {
    return wikisql_lines(
        question(R"({"sel": 0, "agg": 0, "conds": []})"),
        R"({"id": "1-10-1", "header": ["n"], "types": ["real"], "rows": )" + table_rows + "}",
        "q.jsonl", "t.jsonl", kNoLimit)[0];
  };
  const std::string cut = line("[" + rows + "]");
  EXPECT_NE(cut.find("[199]]"), std::string::npos);
  EXPECT_EQ(cut.find("[200]"), std::string::npos);
  testing::expect_error([&] { line("[[1, 2]]"); },
                        "t.jsonl:1: a row has 2 values, but there are 1 columns");
  testing::expect_error([&] { line("[[{}]]"); },
                        "t.jsonl:1: a value of a row is neither text nor a number");
  testing::expect_error([&] { line("7"); }, "t.jsonl:1: \"rows\" is not an array");
}

TEST(WikiSql, ReadsNoMoreQuestionsThanAsked) {
  const std::string good = question(R"({"sel": 0, "agg": 0, "conds": []})");
  EXPECT_EQ(lines_of(good + good + "not JSON", 2).size(), 2u);
  EXPECT_EQ(lines_of(good + good, 5).size(), 2u);
}

TEST(WikiSql, NamesFileAndLineOfWhatIsWrong) {
  const std::string good = question(R"({"sel": 0, "agg": 0, "conds": []})");
  const auto sql = [&](const std::string& text) { return failure(good + question(text)); };
  EXPECT_EQ(failure(good + "{\"table_id\": \n").rfind("q.jsonl:2: not valid JSON at byte ", 0), 0u);
  EXPECT_EQ(failure(good + "\n"), failure(good + "\n" + good));  // an empty line is not JSON
  EXPECT_EQ(failure(good + "[1]"), "q.jsonl:2: not a JSON object");
  EXPECT_EQ(failure(good + "{}"), "q.jsonl:2: \"table_id\" is missing");
  EXPECT_EQ(failure(R"({"table_id": 7})"), "q.jsonl:1: \"table_id\" is not a string");
  EXPECT_EQ(failure(question("{}", "1-99-9")), "q.jsonl:1: table 1-99-9 is not in t.jsonl");
  EXPECT_EQ(sql("[]"), "q.jsonl:2: \"sql\" is not an object");
  EXPECT_EQ(sql("{}"), "q.jsonl:2: \"agg\" is missing");
  EXPECT_EQ(sql(R"({"agg": 6, "sel": 0, "conds": []})"),
            "q.jsonl:2: \"agg\" is 6, but there are 6 aggregates, counted from 0");
  EXPECT_EQ(sql(R"({"agg": 0, "sel": 3, "conds": []})"),
            "q.jsonl:2: \"sel\" is 3, but there are 3 columns, counted from 0");
  EXPECT_EQ(sql(R"({"agg": 0, "sel": -1, "conds": []})"),
            "q.jsonl:2: \"sel\" is -1, but there are 3 columns, counted from 0");
  EXPECT_EQ(sql(R"({"agg": 0, "sel": 1.5, "conds": []})"),
            "q.jsonl:2: \"sel\" is 1.5, but there are 3 columns, counted from 0");
  EXPECT_EQ(sql(R"({"agg": 0, "sel": "0", "conds": []})"), "q.jsonl:2: \"sel\" is not a number");
  EXPECT_EQ(sql(R"({"agg": 0, "sel": 0, "conds": {}})"), "q.jsonl:2: \"conds\" is not an array");
  EXPECT_EQ(sql(R"({"agg": 0, "sel": 0, "conds": [[0, 0]]})"),
            "q.jsonl:2: a condition is not [column, operator, value]");
  EXPECT_EQ(sql(R"({"agg": 0, "sel": 0, "conds": [[3, 0, "x"]]})"),
            "q.jsonl:2: a condition's column is 3, but there are 3 columns, counted from 0");
  EXPECT_EQ(sql(R"({"agg": 0, "sel": 0, "conds": [[0, 4, "x"]]})"),
            "q.jsonl:2: a condition's operator is 4, but there are 4 operators, counted from 0");
  EXPECT_EQ(sql(R"({"agg": 0, "sel": 0, "conds": [[0, 0, null]]})"),
            "q.jsonl:2: a condition's value is neither text nor a number");
  EXPECT_EQ(failure(""), "q.jsonl: there are no questions in it");
  EXPECT_EQ(failure(good, "{\"id\": \"1-10-1\", \"header\": [\"A\"], \"types\": []}\n"),
            "t.jsonl:1: \"header\" has 1 columns, but \"types\" 0");
  EXPECT_EQ(failure(good, kTables + R"({"id": 3, "header": [], "types": []})"),
            "t.jsonl:3: \"id\" is not a string");
  EXPECT_EQ(failure(good, R"({"id": "1-10-1", "header": [1], "types": ["text"]})"),
            "t.jsonl:1: a column of \"header\" is not a string");
}

TEST(WikiSql, SurvivesHostileNestingAndBytes) {
  const std::string deep = std::string(2'000'000, '[') + std::string(2'000'000, ']');
  EXPECT_EQ(failure(question(R"({"agg": 0, "sel": )" + deep + R"(, "conds": []})")),
            "q.jsonl:1: JSON nested deeper than 64 levels");
  EXPECT_EQ(failure(question("{\"agg\": \"\xff\"}")).rfind("q.jsonl:1: not valid UTF-8", 0), 0u);
  EXPECT_LT(failure('"' + std::string(1'000'000, 'a')).size(), 400u);
}

class WikiSqlFiles : public ::testing::Test {
 protected:
  static Members members(size_t train) {
    std::string questions;
    for (size_t i = 0; i < train; ++i)
      questions += question(R"({"sel": 0, "agg": 0, "conds": []})");
    const std::string some =
        questions.substr(0, questions.size() / train * std::min(train, size_t{150}));
    return {{"data/", ""},
            {"data/train.jsonl", questions},
            {"data/train.tables.jsonl", kTables},
            {"data/dev.jsonl", some},
            {"data/dev.tables.jsonl", kTables},
            {"data/dev.db", "ignored"},
            {"data/test.jsonl", some},
            {"data/test.tables.jsonl", kTables}};
  }

  WikiSqlOptions options(const std::string& archive) {
    testing::write_bytes(folder_ / "data.tar.bz2", archive);
    return {.url = "file://" + (folder_ / "data.tar.bz2").string(), .output = folder_ / "a/b"};
  }

  static std::string failure(const WikiSqlOptions& options) {
    return testing::error_of([&] { write_wikisql(options); });
  }

  static size_t count_lines(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    size_t lines = 0;
    while (std::getline(file, line)) ++lines;
    return lines;
  }

  testing::TempFolder folder_;
};

TEST_F(WikiSqlFiles, WritesTheSplitsOfTheExample) {
  const auto files = write_wikisql(options(make_archive(members(1200))));
  ASSERT_EQ(files.size(), 3u);
  const size_t wanted[] = {1000, 100, 100};
  const char* names[] = {"train.jsonl", "valid.jsonl", "test.jsonl"};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(files[i].path, folder_ / "a/b" / names[i]);
    EXPECT_EQ(files[i].examples, wanted[i]);
    EXPECT_EQ(count_lines(files[i].path), wanted[i]);
  }
}

TEST_F(WikiSqlFiles, WritesEverythingWhenAsked) {
  WikiSqlOptions all = options(make_archive(members(1200)));
  all.all = true;
  const auto files = write_wikisql(all);
  EXPECT_EQ(files[0].examples, 1200u);
  EXPECT_EQ(files[1].examples, 150u);
  EXPECT_EQ(count_lines(files[0].path), 1200u);
}

TEST_F(WikiSqlFiles, WritesNothingWhenTheArchiveIsBad) {
  Members bad = members(3);
  bad.back().second = "{";  // test.tables.jsonl, read last
  const WikiSqlOptions broken = options(make_archive(bad));
  EXPECT_EQ(failure(broken).rfind("data/test.tables.jsonl:1: not valid JSON", 0), 0u);
  EXPECT_FALSE(fs::exists(folder_ / "a"));

  bad.pop_back();
  const WikiSqlOptions missing = options(make_archive(bad));
  EXPECT_EQ(failure(missing), missing.url + ": there is no data/test.tables.jsonl in the archive");
}

TEST_F(WikiSqlFiles, KeepsTheEarlierFilesWhenTheFolderCannotBeWritten) {
  const WikiSqlOptions good = options(make_archive(members(3)));
  testing::write_bytes(folder_ / "a", "a file");
  EXPECT_EQ(failure(good).rfind("cannot create " + (folder_ / "a/b").string(), 0), 0u);
}

TEST_F(WikiSqlFiles, RefusesAddressesAndSizes) {
  WikiSqlOptions options = this->options(make_archive(members(3)));
  options.max_bytes = 100;
  EXPECT_EQ(failure(options), "cannot download " + options.url +
                                  ": it is larger than 100 bytes, the most that is taken");
  options.url = "http://localhost/data.tar.bz2";
  EXPECT_EQ(
      failure(options),
      "cannot download http://localhost/data.tar.bz2: the address must begin with https:// or "
      "file://");
  options.url = "file://" + (folder_ / "none").string();
  EXPECT_EQ(failure(options).rfind("cannot download " + options.url + ": ", 0), 0u);
}

}  // namespace
}  // namespace graft::data
