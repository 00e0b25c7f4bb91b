#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/front_end.h"

namespace graft::data {

/// Where WikiSQL's archive lies, and what it is there: the hash as a git blob.
inline constexpr const char* kWikiSqlUrl =
    "https://github.com/salesforce/WikiSQL/raw/7857cfd8aefcc9823245c370f9e39ecd55745ea6/"
    "data.tar.bz2";
inline constexpr const char* kWikiSqlHash = "941de4cb2ad5fa7aeb2e37d314468636ce070af7";

struct WikiSqlOptions {
  std::string url = kWikiSqlUrl;                  // https:// or file://
  std::filesystem::path output = "data/wikisql";  // folder of the three files, made if missing
  bool all = false;                               // every question, not 1000, 100 and 100
  bool tables = true;                             // each with its table's rows
  size_t max_bytes = size_t{256} << 20;           // of the archive, compressed
};

struct WikiSqlFile {
  std::filesystem::path path;
  size_t examples = 0;
};

/// The rows that are kept of a table, the first ones: hardly one has more.
inline constexpr size_t kWikiSqlRows = 200;

/// The examples of a split from the texts of its two files, as lines {"text": ..., "prompt": ...,
/// "completion": ..., "table": {"name", "columns", "types", "rows"}}. The text, of which prompt and
/// completion are the two parts, cut behind "A:":
///
///   table: <id>\ncolumns: <header, joined by ", ">\nQ: <question>\nA: SELECT [AGG ]<column> FROM
///   <id> [ WHERE <column> <op> <value>[ AND ...]]
///
/// with a value in single quotes where its column's type is "text", numbers as Python prints them,
/// and nothing escaped. Without `tables`, and for a table that comes without rows, there is no
/// "table". At most `limit` questions are read. `questions_name` and `tables_name` call
/// the files in errors. Throws Error with file and line for what is not valid JSON, lacks a key,
/// or names a table, column, aggregate or operator that is not there.
std::vector<std::string> wikisql_lines(std::string_view questions, std::string_view tables,
                                       const std::string& questions_name,
                                       const std::string& tables_name, size_t limit,
                                       bool with_tables = true);

/// Downloads WikiSQL and writes train.jsonl, valid.jsonl (its dev split) and test.jsonl: the first
/// 1000, 100 and 100 questions, or all. Nothing is written before everything is read; each file
/// appears whole. Throws Error, Cancelled.
std::vector<WikiSqlFile> write_wikisql(
    const WikiSqlOptions& options, const std::shared_ptr<FrontEnd>& front_end = silent_front_end());

}  // namespace graft::data
