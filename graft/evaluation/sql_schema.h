#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/base/json_types.h"

namespace graft::evaluation {

struct SqlColumn {
  std::string name;
  bool is_text = true;  // else numbers
};

struct SqlTable {
  std::string name;
  std::vector<SqlColumn> columns;
  ordered_json rows = ordered_json::array();  // of arrays of texts, numbers, true, false and null
};

/// What a query is run on.
struct SqlSchema {
  std::vector<SqlTable> tables;
  std::string script;  // statements that make more
};

/// The tables of a record:
///
///   "table": {"name": "...", "columns": ["..."], "types": ["text", "real"], "rows": [[...]]}
///   "tables": several of them
///   "schema", "sql_context" or "context": a text of CREATE TABLE and INSERT statements
///
/// A type other than "text" is for numbers; without "types" it follows from the rows. At most
/// 10,000 rows of all, 1,000 columns of a table and 100 tables. Throws Error for what is none of
/// it.
SqlSchema sql_schema(const ordered_json& record);

}  // namespace graft::evaluation
