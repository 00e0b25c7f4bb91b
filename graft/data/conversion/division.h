#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/data/source.h"

namespace graft::data {

struct DivisionOptions {
  double valid = 0.05, test = 0.05;  // shares of the rows; together below 1
  bool force = false;                // replace the splits of an earlier division
};

/// A file of a split.
struct DividedFile {
  std::string name;  // "train.jsonl"
  int64_t rows = 0;
};

/// Divides the rows of a file into train, valid and test, in a folder that appears whole or not at
/// all, by a hash of each row as it stands there: equal rows stay together, and the validation set
/// is that of `valid_split` with the same share. The files are of the same kind; of Parquet they
/// are JSONL. A split whose share is 0 has none.
///
/// Shows how far it is. Throws UsageError if the folder holds anything, or with `force` anything
/// else than splits; Error as RowReader does, and if a split would be empty; Cancelled.
std::vector<DividedFile> divide_rows(const DataFile& from, const fs::path& folder,
                                     const DivisionOptions& options, FrontEnd& front_end);

}  // namespace graft::data
