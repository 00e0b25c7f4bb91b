#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "graft/evaluation/sql_schema.h"

namespace graft::evaluation {

struct SqlBlob {
  std::string bytes;
};
/// A cell of a result: NULL, a number, a text or bytes.
using SqlValue = std::variant<std::monostate, int64_t, double, std::string, SqlBlob>;
using SqlRow = std::vector<SqlValue>;

struct SqlLimits {
  double seconds = 5;                      // of one query
  size_t rows = 10000;                     // of a result
  size_t bytes = size_t{16} << 20;         // of a result
  int64_t memory = int64_t{256} << 20;     // of SQLite in this process
  std::function<bool()> interrupted = {};  // asked while a query runs
};

/// An SQLite database in memory, made of a record's tables, that runs queries of strangers. They
/// may read its tables and call functions that change nothing and read nothing else. All else is
/// refused: other statements than a query, a second one, PRAGMA, ATTACH, extensions, virtual
/// tables, random numbers. Text columns of tables given as rows compare without regard to ASCII
/// case, as in WikiSQL's evaluation.
class SqlDatabase {
 public:
  /// Throws Error if the tables cannot be made.
  SqlDatabase(const SqlSchema& schema, const SqlLimits& limits);
  ~SqlDatabase();
  SqlDatabase(const SqlDatabase&) = delete;
  SqlDatabase& operator=(const SqlDatabase&) = delete;

  /// Runs one query. Throws Error if it is none, is refused, fails, or goes beyond the limits.
  std::vector<SqlRow> run(std::string_view query);

 private:
  class Connection;
  std::unique_ptr<Connection> connection_;
};

/// Whether two results are equal: row by row if `ordered`, else in any order. Integers equal
/// floats, and numbers may differ by `tolerance` (evaluation::close).
bool equal_rows(std::vector<SqlRow> a, std::vector<SqlRow> b, bool ordered, double tolerance);

/// Whether a query has an ORDER BY outside of all parentheses, quotes and comments.
bool has_outer_order(std::string_view query);

}  // namespace graft::evaluation
