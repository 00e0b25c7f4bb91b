#pragma once

#include <string>
#include <vector>

namespace graft {

using TableRow = std::vector<std::string>;

/// A table in plain text: columns as wide as their widest cell, two spaces apart, one line break
/// after each row. All rows have as many cells as the first.
std::string text_table(const std::vector<TableRow>& rows);

}  // namespace graft
