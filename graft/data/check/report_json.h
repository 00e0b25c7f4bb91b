#pragma once

#include "graft/base/json_types.h"
#include "graft/data/check/report.h"

namespace graft::data::check {

/// All of a report, for programs: {"version": 1, "sources", "problems", "shown", ...}.
ordered_json to_json(const Report& report);

}  // namespace graft::data::check
