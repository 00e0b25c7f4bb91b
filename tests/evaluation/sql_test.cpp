#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "graft/evaluation/scorers.h"
#include "graft/evaluation/sql_database.h"
#include "graft/evaluation/wikisql_form.h"
#include "tests/support/expect_error.h"

namespace graft::evaluation {
namespace {

const ordered_json& record() {
  static const ordered_json one = ordered_json::parse(R"({"table": {
    "name": "3-1-2", "columns": ["Name", "Date of birth", "Age", "Count of cars"],
    "types": ["text", "text", "real", "real"],
    "rows": [["Ann", "1 May", 30, 1], ["Bob", "2 May", 41.5, 2], ["O'Hara and Co", "3 May", "1,200", null],
             ["ann", "4 May", 7, 3]]}})");
  return one;
}

Scores sql(const std::string& answer, const std::string& reference,
           const ordered_json& of = record(), double seconds = 2) {
  const Answered answered{"", answer, reference, of, "test.jsonl:9"};
  return make_scorer("sql", {.seconds = seconds})->score({&answered, 1}).at(0);
}

using Values = std::vector<double>;
const std::string kOne = "SELECT Age FROM 3-1-2 WHERE Name = 'Bob'";

TEST(SqlScorer, ComparesWhatQueriesGive) {
  for (const char* right :
       {"SELECT Age FROM 3-1-2 WHERE Name = 'Bob'", "select age from 3-1-2 where NAME = 'bob';",
        "SELECT Age FROM \"3-1-2\" WHERE Name LIKE 'B%'", "SELECT 41.5", "SELECT 41.50000001",
        "SELECT Age FROM 3-1-2 WHERE Age > 40 AND Age < 1,000", "VALUES (41.5)",
        "/* a */ SELECT 83 / 2.0 -- b\n;", "WITH t AS (SELECT 41.5) SELECT * FROM t"}) {
    const Scores scores = sql(right, kOne);
    EXPECT_EQ(scores.values, (Values{1, 1, 1})) << right << scores.note;
  }
  for (const char* wrong : {"SELECT Age FROM 3-1-2", "SELECT 41", "SELECT '41.5'", "SELECT NULL",
                            "SELECT 41.5, 1", "SELECT Age FROM 3-1-2 WHERE Name = 'Zoe'"}) {
    EXPECT_EQ(sql(wrong, kOne).values, (Values{0, 1, 1})) << wrong;
  }
  for (const char* broken : {"", ";", "hello", "SELECT", "SELECT no FROM \"3-1-2\"", "-- nothing",
                             "SELECT Age FROM 3-1-2 WHERE"}) {
    EXPECT_EQ(sql(broken, kOne).values, (Values{0, 0, 1})) << broken;
  }
  EXPECT_EQ(sql("SELECT 1 WHERE 0", "SELECT Age FROM 3-1-2 WHERE Name = 'Zoe'").values,
            (Values{1, 1, 0}));
}

// "nan" and "inf" are names where a column of numbers holds texts.
TEST(SqlScorer, WordsAreNoNumbers) {
  const ordered_json places = ordered_json::parse(R"({"table": {
    "name": "1-1", "columns": ["Place", "Seat"], "types": ["real", "real"],
    "rows": [["Nan", 1], ["Inf", 2], ["infinity", 3], ["1,000", 4]]}})");
  const auto seat = [&](const std::string& place, const std::string& number) {
    return sql("SELECT Seat FROM 1-1 WHERE Place = " + place, "SELECT " + number, places).values;
  };
  EXPECT_EQ(seat("Nan", "1"), (Values{1, 1, 1}));
  EXPECT_EQ(seat("'Nan'", "1"), (Values{1, 1, 1}));
  EXPECT_EQ(seat("Inf", "2"), (Values{1, 1, 1}));
  EXPECT_EQ(seat("infinity", "3"), (Values{1, 1, 1}));
  EXPECT_EQ(seat("1,000", "4"), (Values{1, 1, 1}));
}

TEST(SqlScorer, RowsComeInAnyOrderUnlessTheReferenceHasOne) {
  const std::string t = " FROM \"3-1-2\"";
  EXPECT_EQ(sql("SELECT Name" + t + " ORDER BY Age", "SELECT Name" + t).values[0], 1);
  EXPECT_EQ(
      sql("SELECT Name" + t + " ORDER BY Age", "SELECT Name" + t + " ORDER BY Age DESC").values[0],
      0);
  EXPECT_EQ(
      sql("SELECT Name" + t + " ORDER BY -Age", "SELECT Name" + t + " ORDER BY Age DESC").values[0],
      1);
  // A multiset: each row as often.
  EXPECT_EQ(sql("VALUES (1), (1), (2)", "VALUES (2), (1), (1)").values[0], 1);
  EXPECT_EQ(sql("VALUES (1), (2), (2)", "VALUES (2), (1), (1)").values[0], 0);
  EXPECT_EQ(sql("VALUES (1), (2)", "VALUES (2), (1), (1)").values[0], 0);
  EXPECT_TRUE(has_outer_order("SELECT a FROM t order /* x */ BY b"));
  EXPECT_FALSE(has_outer_order("SELECT (SELECT a FROM t ORDER BY b)"));
  EXPECT_FALSE(has_outer_order("SELECT 'order by' FROM \"order by\" -- order by"));
  EXPECT_FALSE(has_outer_order("SELECT order_by, byorder FROM t GROUP BY order"));
}

TEST(SqlScorer, ABadRecordIsNoBadAnswer) {
  EXPECT_EQ(sql("SELECT 1", "SELECT x FROM nowhere").problem,
            "the reference does not run: no such table: nowhere");
  for (const char* bad :
       {"{}", "[]", R"({"table": {"name": "t"}})",
        R"({"table": {"name": "t", "columns": [], "rows": []}})",
        R"({"table": {"name": "t", "columns": ["a"], "rows": [[1, 2]]}})",
        R"({"table": {"name": "t", "columns": ["a"], "rows": [[{}]]}})",
        R"({"table": {"name": "t", "columns": ["a", "a"], "rows": []}})",
        R"({"table": {"name": "t", "columns": ["a"], "types": [], "rows": []}})",
        R"({"table": {"name": "sqlite_x", "columns": ["a"], "rows": []}})",
        R"({"schema": "CREATE TABLE"})", R"({"schema": "ATTACH 'x' AS y"})",
        R"j({"schema": "PRAGMA writable_schema=1"})j",
        R"j({"schema": "SELECT load_extension('x')"})j",
        R"j({"schema": "CREATE VIRTUAL TABLE t USING fts5(a)"})j",
        R"j({"schema": "CREATE TRIGGER a AFTER INSERT ON b BEGIN SELECT 1; END"})j"}) {
    EXPECT_FALSE(sql("SELECT 1", "SELECT 1", ordered_json::parse(bad)).problem.empty()) << bad;
  }
}

TEST(SqlScorer, ReadsSchemasAndSeveralTables) {
  const ordered_json hub = {
      {"sql_context",
       "CREATE TABLE head (age INTEGER, name VARCHAR); INSERT INTO head VALUES (60, "
       "'x'), (50, 'y'); CREATE VIEW old AS SELECT * FROM head WHERE age > 55;"}};
  EXPECT_EQ(sql("SELECT name FROM old", "SELECT name FROM head WHERE age > 56", hub).values,
            (Values{1, 1, 1}));
  const ordered_json two = ordered_json::parse(R"({"tables": [
    {"name": "a", "columns": ["id", "x"], "rows": [[1, "p"], [2, "q"]]},
    {"name": "b", "columns": ["id", "y"], "rows": [[2, true], [1, null]]}]})");
  EXPECT_EQ(sql("SELECT x FROM a, b WHERE a.id = b.id AND y = 1",
                "SELECT x FROM a JOIN b USING (id) WHERE y IS NOT NULL", two)
                .values,
            (Values{1, 1, 1}));
}

// What an answer must not do, and what it may cost.
TEST(SqlScorer, HostileQueriesAreRefusedAndBounded) {
  const std::string long_name(2000, 'a');
  const std::pair<std::string, const char*> refused[] = {
      {"DROP TABLE \"3-1-2\"", "no query"},
      {"DELETE FROM \"3-1-2\"", "no query"},
      {"INSERT INTO \"3-1-2\" VALUES (1, 2, 3, 4)", "no query"},
      {"UPDATE \"3-1-2\" SET Age = 1 RETURNING Age", "no query"},
      {"CREATE TABLE t AS SELECT 1", "no query"},
      {"ATTACH '/tmp/graft-evil.db' AS e", "no query"},
      {"VACUUM INTO '/tmp/graft-evil.db'", ""},
      {"PRAGMA temp_store=FILE", "no query"},
      {"SELECT * FROM pragma_table_info('3-1-2')", ""},
      {"BEGIN", "no query"},
      {"EXPLAIN SELECT 1", "no query"},
      {"EXPLAIN QUERY PLAN SELECT 1", "no query"},
      {"SELECT load_extension('/tmp/x.so')", "load_extension"},
      {"SELECT readfile('/etc/passwd')", ""},
      {"SELECT random()", "random"},
      {"SELECT randomblob(1000000000)", "randomblob"},
      {"SELECT zeroblob(1000000000)", "zeroblob"},
      {"SELECT 41.5; SELECT 1", "more than one"},
      {"SELECT 41.5; DROP TABLE \"3-1-2\"", "no query"},
      {"SELECT 41.5;;; -- a\n /* b */ SELECT 2", "more than one"},
      {std::string("SELECT 41.5\0", 12), "NUL"},
      {"SELECT " + std::string(100000, '('), "longer"},
      {"SELECT " + std::string(5000, '(') + "1" + std::string(5000, ')'), ""},
      {"SELECT replace(printf('%.*c', 1000000, 'x'), 'x', 'yyyyyyyyyy')", "big"},
      {"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
       "longer than"},
      {"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c",
       "more than 10000 rows"},
      {"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 300) SELECT "
       "printf('%.*c', 900000, 'x') FROM c",
       "bytes"},
      {"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 3000) SELECT DISTINCT "
       "x || printf('%.*c', 900000, 'x') FROM c ORDER BY 1 DESC LIMIT 1",
       ""}};
  for (const auto& [query, why] : refused) {
    const auto start = std::chrono::steady_clock::now();
    const Scores scores = sql(query, kOne, record(), 0.2);
    EXPECT_EQ(scores.values, (Values{0, 0, 1})) << query.substr(0, 100);
    EXPECT_NE(scores.note.find(why), std::string::npos) << query.substr(0, 100) << scores.note;
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  }
  EXPECT_FALSE(std::filesystem::exists("/tmp/graft-evil.db"));
  EXPECT_LT(sqlite3_memory_used(), int64_t{1} << 20);
}

TEST(SqlScorer, AnInterruptEndsAQuery) {
  const Answered answered{
      "", "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
      kOne, record(), "p"};
  int asked = 0;
  const auto scores =
      make_scorer("sql", {.seconds = 100})->score({&answered, 1}, [&] { return ++asked > 10; });
  EXPECT_TRUE(scores.empty());
}

TEST(SqlDatabase, GivesTypedRows) {
  SqlDatabase database(sql_schema(record()), {});
  const auto rows = database.run("SELECT 1, 2.5, 'x', x'00ff', NULL, Age FROM \"3-1-2\" LIMIT 1");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(std::get<int64_t>(rows[0][0]), 1);
  EXPECT_EQ(std::get<double>(rows[0][1]), 2.5);
  EXPECT_EQ(std::get<std::string>(rows[0][2]), "x");
  EXPECT_EQ(std::get<SqlBlob>(rows[0][3]).bytes, std::string("\0\xFF", 2));
  EXPECT_EQ(rows[0][4].index(), 0u);
  EXPECT_EQ(std::get<int64_t>(rows[0][5]), 30);
  EXPECT_FALSE(equal_rows({{int64_t{1}}}, {{std::string("1")}}, false, 0));
  EXPECT_TRUE(equal_rows({{int64_t{1}}}, {{1.0}}, false, 0));
}

TEST(WikiSqlForm, BecomesSql) {
  const SqlSchema schema = sql_schema(record());
  const auto form = [&](const char* query) {
    return standard_sql(query, schema.tables[0]).value_or("none");
  };
  EXPECT_EQ(form("SELECT COUNT Date of birth FROM 3-1-2"),
            R"(SELECT count("Date of birth") FROM "3-1-2")");
  EXPECT_EQ(form("SELECT Count of cars FROM 3-1-2"), R"(SELECT "Count of cars" FROM "3-1-2")");
  EXPECT_EQ(form("SELECT COUNT Count of cars FROM 3-1-2"),
            R"(SELECT count("Count of cars") FROM "3-1-2")");
  EXPECT_EQ(form("SELECT Age FROM 3-1-2 WHERE Name = 'O'Hara and Co' AND Age >= 1,200"),
            R"(SELECT "Age" FROM "3-1-2" WHERE "Name" = 'O''Hara and Co' AND "Age" >= 1200)");
  EXPECT_EQ(form("SELECT Age FROM 3-1-2 WHERE Date of birth = '1 May' AND Count of cars > 2"),
            R"(SELECT "Age" FROM "3-1-2" WHERE "Date of birth" = '1 May' AND "Count of cars" > 2)");
  EXPECT_EQ(form("SELECT Age FROM 3-1-2 WHERE Name = ' AND Name = 'x'"),
            R"(SELECT "Age" FROM "3-1-2" WHERE "Name" = ' AND Name = ''x')");
  for (const char* other : {"", "SELECT", "SELECT Size FROM 3-1-2", "SELECT Age FROM 3-1-3",
                            "SELECT Age FROM 3-1-2 WHERE Size = 1", "SELECT Age FROM 3-1-2 WHERE ",
                            "SELECT Age FROM 3-1-2 ORDER BY Age", "SELECT COUNT(*) FROM 3-1-2"}) {
    EXPECT_EQ(form(other), "none") << other;
  }
  // As many ways to cut as there are quotes.
  std::string many = "SELECT Age FROM 3-1-2 WHERE Name = '";
  for (int i = 0; i < 150; ++i) many += "' AND Name = '";
  EXPECT_EQ(form((many + "\" x").c_str()), "none");
}

}  // namespace
}  // namespace graft::evaluation
