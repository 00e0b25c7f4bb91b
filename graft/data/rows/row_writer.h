#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "graft/base/files.h"
#include "graft/base/json_types.h"

namespace graft::data {

/// Writes rows to a file, which appears whole or not at all.
class RowWriter {
 public:
  virtual ~RowWriter() = default;

  /// Throws Error, as "where: ...", for a row of a table with a member that is no column: the first
  /// row's members are the columns. There null is an empty field, and what is no string is JSON.
  /// `text` may be the row's JSON as another file had it: a file of JSON keeps it, with its numbers
  /// and escapes, unless it has line breaks.
  virtual void write(const ordered_json& row, const std::string& where,
                     std::string_view text = {}) = 0;

  /// Syncs the file and puts it into place. Throws Error if the disk is full.
  virtual void finish() = 0;
};

/// The writer of a new file, by its extension: .jsonl, .ndjson, .json (an array), .csv or .tsv,
/// also with .gz or .zst behind it. Throws UsageError for another, Error if it cannot be made.
std::unique_ptr<RowWriter> create_rows(const fs::path& file);

/// Throws UsageError, as create_rows does, if there is no writer for such a file.
void check_row_file(const fs::path& file);

}  // namespace graft::data
