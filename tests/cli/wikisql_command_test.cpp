// `graft data wikisql`, from an archive on disk.

#include <gtest/gtest.h>

#include "tests/cli/program_fixture.h"
#include "tests/data/make_archive.h"

namespace graft::testing {
namespace {

const std::string kTable =
    R"({"id": "1-10-1", "header": ["Player", "No."], "types": ["text", "real"], "rows": [["Ann", 3]]})"
    "\n";

std::string questions(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    lines += R"({"table_id": "1-10-1", "question": "Who wears )" + std::to_string(i) +
             R"(?", "sql": {"sel": 0, "agg": 0, "conds": [[1, 0, )" + std::to_string(i) + "]]}}\n";
  }
  return lines;
}

Members wikisql() {
  return {{"data/train.jsonl", questions(1010)}, {"data/train.tables.jsonl", kTable},
          {"data/dev.jsonl", questions(120)},    {"data/dev.tables.jsonl", kTable},
          {"data/test.jsonl", questions(110)},   {"data/test.tables.jsonl", kTable}};
}

class WikiSqlCommand : public ProgramTest {
 protected:
  std::string url() const { return "file://" + (folder_ / "data.tar.bz2").string(); }

  ProgramResult fetch(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"data", "wikisql", "--url", url()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }

  // Of each file: the last question that it holds, which says how many it has.
  void expect_written(const std::string& folder, int train, int valid, int test) {
    for (auto [name, count] :
         {std::pair{"train", train}, std::pair{"valid", valid}, std::pair{"test", test}}) {
      std::string text = read_bytes(folder_ / folder / (std::string(name) + ".jsonl"));
      EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), count) << name;
      std::string number = std::to_string(count - 1);
      text = text.substr(text.rfind("{\"text\""));
      EXPECT_TRUE(text.starts_with(
          R"({"text": "table: 1-10-1\ncolumns: Player, No.\nQ: Who wears )" + number +
          R"(?\nA: SELECT Player FROM 1-10-1 WHERE No. = )" + number + "\", \"prompt\": "))
          << name << text;
      EXPECT_TRUE(text.ends_with("\"rows\": [[\"Ann\",3]]}}\n")) << name << text;
    }
  }
};

TEST_F(WikiSqlCommand, WritesTheExamplesSizesAndSaysSo) {
  write("data.tar.bz2", make_archive(wikisql()));
  ProgramResult result = fetch();
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "Downloading " + url() +
                            "\n"
                            "Wrote data/wikisql/train.jsonl (1000 examples)\n"
                            "Wrote data/wikisql/valid.jsonl (100 examples)\n"
                            "Wrote data/wikisql/test.jsonl (100 examples)\n");
  EXPECT_EQ(result.err, "");
  expect_written("data/wikisql", 1000, 100, 100);
}

TEST_F(WikiSqlCommand, WritesAllWhereAsked) {
  write("data.tar.bz2", make_archive(wikisql()));
  ProgramResult result = fetch({"--all", "--output", "sql/all/"});
  ASSERT_EQ(result.code, 0) << result.err;
  expect_line(result.out, "Wrote sql/all/train.jsonl \\(1010 examples\\)");
  expect_line(result.out, "Wrote sql/all/valid.jsonl \\(120 examples\\)");
  expect_line(result.out, "Wrote sql/all/test.jsonl \\(110 examples\\)");
  expect_written("sql/all", 1010, 120, 110);
}

TEST_F(WikiSqlCommand, WritesWhatLoraReads) {
  write("data.tar.bz2", make_archive(wikisql()));
  ASSERT_EQ(fetch({"--output", "sql"}).code, 0);
  EXPECT_GT(test_loss({"--model", "model", "--data", "sql", "--test-batches", "1"}), 0);
}

TEST_F(WikiSqlCommand, BrokenOrMissingArchiveIsOneLine) {
  write("data.tar.bz2", make_archive(wikisql()));
  ASSERT_EQ(fetch({"--output", "sql"}).code, 0);
  const std::string whole = read_bytes(folder_ / "data.tar.bz2");
  Members no_tables = wikisql(), bad_line = wikisql();
  no_tables.pop_back();
  bad_line[4].second = questions(3) + "{\"table_id\": \n";
  struct Case {
    std::string archive, says;
  };
  for (const Case& c : std::vector<Case>{
           {whole.substr(0, whole.size() / 2), url() + ": not a whole .tar.bz2 archive"},
           {"<html>Not Found</html>", url() + ": not a whole .tar.bz2 archive"},
           {"", url() + ": "},
           {make_archive(no_tables), url() + ": there is no data/test.tables.jsonl"},
           {make_archive(bad_line), "data/test.jsonl:4: not valid JSON"}}) {
    write("data.tar.bz2", c.archive);
    auto before = files();
    expect_refused(fetch({"--output", "sql"}), 1, c.says);
    expect_refused(fetch({"--output", "new/sql"}), 1, c.says);
    expect_files(before);
  }
  fs::remove(folder_ / "data.tar.bz2");
  auto before = files();
  expect_refused(fetch({"--output", "sql"}), 1, "cannot download " + url() + ": ");
  expect_files(before);
}

TEST_F(WikiSqlCommand, OtherAddressesAreRefused) {
  expect_refused(run({"data", "wikisql", "--url", "http://localhost/data.tar.bz2"}), 1,
                 "must begin with https:// or file://");
  expect_refused(run({"data", "wikisql", "--url", (folder_ / "data.tar.bz2").string()}), 1,
                 "must begin with https:// or file://");
  expect_refused(run({"data"}), 2, "see graft data --help");
}

}  // namespace
}  // namespace graft::testing
