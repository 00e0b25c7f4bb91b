#include "graft/base/text_table.h"

#include <algorithm>

#include "graft/base/terminal.h"

namespace graft {

std::string text_table(const std::vector<TableRow>& rows) {
  if (rows.empty()) return "";
  std::vector<size_t> widths(rows.front().size());
  for (const TableRow& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
  }
  std::string text;
  for (const TableRow& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      text += row[i] + std::string(widths[i] - columns_of(row[i]) + 2, ' ');
    }
    text += row.back() + "\n";
  }
  return text;
}

}  // namespace graft
