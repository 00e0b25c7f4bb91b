#include "graft/data/rows/json_row.h"

#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::data {
namespace {

constexpr int64_t kMostKeys = 10000;  // which take a quarter of a second

}  // namespace

ordered_json parse_json_row(const RawRow& row, const std::string& name) {
  const std::string where = fmt::format("{}:{}", name, row.line);
  ordered_json value = io::parse_ordered_json(row.text, where, {.keys = kMostKeys});
  if (!value.is_object()) fail("{}: a JSON object is expected, not {}", where, value.type_name());
  return value;
}

}  // namespace graft::data
