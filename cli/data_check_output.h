#pragma once

#include "graft/data/check/report.h"

namespace graft::cli {

/// Prints a report for a person: records, lengths, problems and the first records.
void print_check(const data::check::Report& report);

}  // namespace graft::cli
