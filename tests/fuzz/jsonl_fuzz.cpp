// Reads JSONL data sets.
#include <cstdint>
#include <string_view>

#include "graft/base/error.h"
#include "graft/data/rows/row_reader.h"
#include "graft/io/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    graft::data::for_each_row(
        *graft::data::read_rows(text, "input"), [](const graft::ordered_json& row, int64_t) {
          // What Python wrote is written as Python would, and read again.
          const std::string written = graft::io::python_json(row);
          if (graft::io::python_json(graft::io::parse_ordered_json(written, "again")) != written) {
            __builtin_trap();
          }
        });
  } catch (const graft::Error&) {
  } catch (const nlohmann::json::type_error&) {  // text that is no UTF-8 is not written
  }
  return 0;
}
