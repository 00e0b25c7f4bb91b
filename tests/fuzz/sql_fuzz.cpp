// Runs an answer's query, as it is and in WikiSQL's form, on a small table.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "graft/base/error.h"
#include "graft/evaluation/sql_database.h"
#include "graft/evaluation/wikisql_form.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace evaluation = graft::evaluation;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const evaluation::SqlSchema schema = evaluation::sql_schema(graft::ordered_json::parse(
      R"({"table": {"name": "t-1", "columns": ["a", "b c"], "rows": [["x", 1], ["y", 2.5]]}})"));
  evaluation::SqlLimits limits;
  limits.seconds = 0.2;
  evaluation::has_outer_order(text);
  try {
    evaluation::SqlDatabase database(schema, limits);
    if (const auto sql = evaluation::standard_sql(text, schema.tables[0])) {
      database.run(*sql);  // which is a query, whatever the answer holds
    } else {
      database.run(text);
    }
    // Nothing was changed.
    if (database.run("SELECT * FROM \"t-1\"").size() != 2) __builtin_trap();
  } catch (const graft::Error&) {
  }
  return 0;
}
