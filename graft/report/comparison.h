#pragma once

#include <span>
#include <string>
#include <vector>

#include "graft/report/report.h"

namespace graft::report {

/// Names of settings that not all runs have the same value of, in the order in which they come.
std::vector<std::string> differing_settings(std::span<const Run> runs);

/// A table with a line a run: its name, its settings that differ, its loss before, after and at its
/// best step. One line break after each line.
std::string comparison_table(std::span<const Run> runs);

}  // namespace graft::report
