#include "graft/data/rows/parquet_rows.h"

#include <algorithm>
#include <array>
#include <utility>

#include "graft/base/error.h"
#include "graft/data/rows/json_row.h"
#include "graft/data/rows/parquet_library.h"
#include "graft/data/rows/window.h"

namespace graft::data {
namespace {

class ParquetRows : public RowReader {
 public:
  ParquetRows(const fs::path& file, std::string name)
      : name_(std::move(name)), library_(parquet_library()) {
    if (library_ == nullptr) {
      fail("{}: this graft reads no Parquet, but JSON and CSV: {}", name_, no_parquet_because());
    }
    file_ = library_->open(file.c_str(), kMostRowBytes, error_.data(), error_.size());
    if (file_ == nullptr) fail("{}: {}", name_, error_.data());
  }
  ~ParquetRows() override { library_->close(file_); }
  ParquetRows(const ParquetRows&) = delete;
  ParquetRows& operator=(const ParquetRows&) = delete;

  bool next(RawRow& row) override {
    const char* text = nullptr;
    size_t size = 0;
    const int got = library_->next(file_, &text, &size, error_.data(), error_.size());
    if (got < 0) fail("{}: {}", name_, error_.data());
    if (got == 0) return false;
    row.text.assign(text, size);
    row.line = ++row_;
    return true;
  }

  ordered_json parse(const RawRow& row) const override { return parse_json_row(row, name_); }

  double done() const override {
    const auto all = static_cast<double>(library_->rows(file_));
    return all > 0 ? std::min(static_cast<double>(row_) / all, 1.0) : 0;
  }

 private:
  std::string name_;
  const GraftParquet* library_;
  GraftParquetFile* file_ = nullptr;
  std::array<char, 1000> error_{};
  int64_t row_ = 0;
};

}  // namespace

std::unique_ptr<RowReader> parquet_rows(const fs::path& file, const std::string& name) {
  return std::make_unique<ParquetRows>(file, name);
}

}  // namespace graft::data
