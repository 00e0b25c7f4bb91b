#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/data/rows/row_reader.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::data {

/// A row as JSON text, and its line.
using LineAndText = std::pair<int64_t, std::string>;

inline std::vector<LineAndText> read_all(RowReader& reader) {
  std::vector<LineAndText> rows;
  for_each_row(reader,
               [&](const ordered_json& row, int64_t line) { rows.emplace_back(line, row.dump()); });
  return rows;
}

/// Files with given bytes, read.
class RowFiles : public ::testing::Test {
 protected:
  std::vector<LineAndText> read(const std::string& file, std::string_view bytes) {
    testing::write_bytes(folder_ / file, bytes);
    return read_all(*open_rows(folder_ / file, file));
  }

  /// Expects that reading throws Error with this message.
  void expect_refused(const std::string& file, std::string_view bytes, const std::string& message) {
    EXPECT_EQ(testing::error_of([&] { read(file, bytes); }), message);
  }

  testing::TempFolder folder_;
};

}  // namespace graft::data
