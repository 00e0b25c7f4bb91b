#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "graft/base/json_types.h"

namespace graft::data {

/// Calls `row` for each JSON object of a JSONL text, one in a line, and the line's number, from 1.
/// Lines end as Python's do, in LF, CR LF or CR; blank ones and a byte order mark are skipped.
/// Throws Error, as "name:line: ...", for a line that is no JSON object, and what `row` throws.
void for_each_row(std::string_view text, const std::string& name,
                  const std::function<void(const ordered_json& row, int64_t line)>& row);

}  // namespace graft::data
