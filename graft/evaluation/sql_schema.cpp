#include "graft/evaluation/sql_schema.h"

#include <nlohmann/json.hpp>

#include "graft/base/error.h"

namespace graft::evaluation {
namespace {

constexpr size_t kMostRows = 10000, kMostColumns = 1000, kMostTables = 100;

const ordered_json& array_at(const ordered_json& table, const char* key) {
  const auto found = table.find(key);
  if (found == table.end() || !found->is_array()) fail("its table has no array \"{}\"", key);
  return *found;
}

bool has_text(const ordered_json& rows, size_t column) {
  for (const ordered_json& row : rows) {
    if (row[column].is_string()) return true;
  }
  return false;
}

SqlTable table_of(const ordered_json& object, size_t& rows_left) {
  if (!object.is_object()) fail("a table is not an object");
  SqlTable table;
  const auto name = object.find("name");
  if (name == object.end() || !name->is_string()) fail("its table has no text \"name\"");
  table.name = name->get<std::string>();
  const ordered_json& columns = array_at(object, "columns");
  if (columns.empty() || columns.size() > kMostColumns) {
    fail("its table has {} columns; 1 to {} are read", columns.size(), kMostColumns);
  }
  table.rows = array_at(object, "rows");
  if (table.rows.size() > rows_left) fail("its tables have more than {} rows", kMostRows);
  rows_left -= table.rows.size();
  for (const ordered_json& row : table.rows) {
    if (!row.is_array() || row.size() != columns.size()) {
      fail("a row of its table is not an array of {} values", columns.size());
    }
    for (const ordered_json& value : row) {
      if (value.is_structured()) fail("a value of its table is neither a text nor a number");
    }
  }
  const bool typed = object.contains("types");
  if (typed && array_at(object, "types").size() != columns.size()) {
    fail("its table has {} columns, but {} types", columns.size(), object["types"].size());
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i].is_string()) fail("a name of its table's columns is not a text");
    table.columns.push_back({columns[i].get<std::string>(),
                             typed ? object["types"][i] == "text" : has_text(table.rows, i)});
  }
  return table;
}

}  // namespace

SqlSchema sql_schema(const ordered_json& record) {
  SqlSchema schema;
  size_t rows_left = kMostRows;
  if (!record.is_object()) fail("it is not an object");
  if (record.contains("table") && record["table"].is_object()) {
    schema.tables.push_back(table_of(record["table"], rows_left));
  }
  if (record.contains("tables") && record["tables"].is_array()) {
    if (record["tables"].size() > kMostTables) fail("it has more than {} tables", kMostTables);
    for (const ordered_json& table : record["tables"]) {
      schema.tables.push_back(table_of(table, rows_left));
    }
  }
  for (const char* key : {"schema", "sql_context", "context"}) {
    if (record.contains(key) && record[key].is_string()) {
      schema.script = record[key].get<std::string>();
      break;
    }
  }
  if (schema.tables.empty() && schema.script.empty()) {
    fail("it has none of \"table\", \"tables\", \"schema\", \"sql_context\" and \"context\"");
  }
  return schema;
}

}  // namespace graft::evaluation
