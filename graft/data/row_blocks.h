#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graft/data/rows/row_reader.h"
#include "graft/data/source.h"

namespace graft::data {

/// Some rows of one file of a source.
struct RowBlock {
  size_t file;       // of Source::files
  std::string name;  // its, in messages
  std::shared_ptr<const RowReader> reader;
  std::vector<RawRow> rows;

  std::string place_of(size_t row) const;
};

/// The rows of a source that are meant, in blocks of some megabytes.
class RowBlocks {
 public:
  /// `source` must outlive it. Counts the rows first where its slice needs that. `forms`, if it is
  /// not nullptr, gets one for each file, and must outlive it, too.
  explicit RowBlocks(const Source& source, std::vector<TextForm>* forms = nullptr);

  /// False at the end. Throws Error as RowReader does.
  bool next(RowBlock& block);
  /// The share of the source that is read.
  double done() const;

 private:
  bool open_next();

  const Source& source_;
  std::vector<TextForm>* forms_;
  int64_t begin_ = 0, end_ = 0;  // of its slice
  int64_t row_ = 0;              // the next one's number in the source
  size_t file_ = 0;              // the next one to open
  std::shared_ptr<RowReader> reader_;
};

}  // namespace graft::data
