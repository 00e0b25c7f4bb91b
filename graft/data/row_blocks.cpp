#include "graft/data/row_blocks.h"

#include <limits>
#include <tuple>
#include <utility>

namespace graft::data {
namespace {

constexpr size_t kBlockBytes = size_t{4} << 20;
constexpr size_t kBlockRows = 8192;

int64_t count_rows(const Source& source) {
  int64_t count = 0;
  RawRow row;
  for (const DataFile& file : source.files) {
    const auto reader = open_rows(file.path, file.name);
    while (reader->next(row)) ++count;
  }
  return count;
}

bool needs_count(const RowSlice& slice) {
  return slice.in_percent || slice.begin.value_or(0) < 0 || slice.end.value_or(0) < 0;
}

}  // namespace

RowBlocks::RowBlocks(const Source& source, std::vector<TextForm>* forms)
    : source_(source), forms_(forms) {
  if (forms_ != nullptr) forms_->resize(source.files.size());
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  std::tie(begin_, end_) = source.slice.of(needs_count(source.slice) ? count_rows(source) : kMost);
}

bool RowBlocks::open_next() {
  if (file_ == source_.files.size() || row_ >= end_) return false;
  TextForm* form = forms_ == nullptr ? nullptr : &(*forms_)[file_];
  const DataFile& file = source_.files[file_++];
  reader_ = open_rows(file.path, file.name, form);
  return true;
}

bool RowBlocks::next(RowBlock& block) {
  block.rows.clear();
  size_t bytes = 0;
  RawRow row;
  while (bytes < kBlockBytes && block.rows.size() < kBlockRows) {
    if (!reader_ && !open_next()) break;
    if (row_ >= end_ || !reader_->next(row)) {
      reader_.reset();
      if (!block.rows.empty()) break;  // a block is of one file
      continue;
    }
    const bool meant = row_ >= begin_ && source_.hashes.has(row.text);
    ++row_;
    if (!meant) continue;
    if (block.rows.empty()) {
      block.file = file_ - 1;
      block.name = source_.files[block.file].name;
      block.reader = reader_;
    }
    bytes += row.text.size();
    block.rows.push_back(std::exchange(row, {}));
  }
  return !block.rows.empty();
}

std::string RowBlock::place_of(size_t row) const {
  return name + ":" + std::to_string(rows[row].line);
}

double RowBlocks::done() const {
  const double files = static_cast<double>(source_.files.size());
  const double whole = static_cast<double>(file_) - (reader_ ? 1 : 0);
  return (whole + (reader_ ? reader_->done() : 0)) / files;
}

}  // namespace graft::data
