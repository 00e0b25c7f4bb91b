#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/data/records/row_keys.h"

namespace graft::data {

/// A file of rows, and how messages name it.
struct DataFile {
  fs::path path;
  std::string name;
};

/// The rows whose hash lies in [begin, end): which these are depends on the rows alone, and equal
/// rows go together.
struct HashRange {
  double begin = 0, end = 1;

  bool is_all() const { return begin <= 0 && end >= 1; }
  /// Of a row as it stands in its file.
  bool has(std::string_view row) const;
};

/// The hash of a row as it stands in its file, from 0 to below 1.
double hash_place(std::string_view row);

/// Rows [begin, end) of all in their order, as Python's slices have them: negative ones count from
/// the end. In percent, they are rounded to whole rows, as in the package `datasets`.
struct RowSlice {
  std::optional<int64_t> begin = {}, end = {};
  bool in_percent = false;

  bool is_all() const { return !begin && !end; }
  /// The rows that are meant of so many.
  std::pair<int64_t, int64_t> of(int64_t rows) const;
};

/// Where the rows of a split come from.
struct Source {
  std::vector<DataFile> files = {};
  HashRange hashes = {};
  RowSlice slice = {};
  RowKeys keys = {};
  std::optional<double> weight = {};  // beside other sources: see SourceShare
};

}  // namespace graft::data
