#include "graft/parquet_reader/parquet_reader.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/properties.h>

#include <exception>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "graft/parquet_reader/row_json.h"

namespace {

constexpr int64_t kBatchRows = 256;          // in memory at once
constexpr int64_t kPageBuffer = 256 * 1024;  // bytes of a column that are read at once

void check(const arrow::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}

template <class Value>
Value checked(arrow::Result<Value> result) {
  check(result.status());
  return std::move(result).ValueUnsafe();
}

std::unique_ptr<parquet::arrow::FileReader> open_reader(const std::string& path) {
  auto file = checked(arrow::io::ReadableFile::Open(path));
  // A page of each column after the other, not all that a group of rows has of it.
  parquet::ReaderProperties pages;
  pages.enable_buffered_stream();
  pages.set_buffer_size(kPageBuffer);
  parquet::ArrowReaderProperties rows;
  rows.set_use_threads(false);
  rows.set_pre_buffer(false);
  rows.set_batch_size(kBatchRows);
  parquet::arrow::FileReaderBuilder builder;
  check(builder.Open(file, pages));
  std::unique_ptr<parquet::arrow::FileReader> reader;
  check(builder.properties(rows)->Build(&reader));
  return reader;
}

void check_columns(const arrow::Schema& schema) {
  std::set<std::string> names;
  for (const auto& field : schema.fields()) {
    check_type(*field->type(), field->name());
    if (!names.insert(field->name()).second) {
      throw std::runtime_error("two of its columns are named \"" + field->name() + "\"");
    }
  }
}

// Calls `action`; what it throws goes to `error`, and `failed` is returned.
template <class Result, class Action>
Result guarded(char* error, size_t error_size, Result failed, Action&& action) {
  try {
    return action();
  } catch (const std::exception& problem) {
    const std::string text = problem.what();
    error[text.copy(error, error_size - 1)] = '\0';
    return failed;
  }
}

}  // namespace

struct GraftParquetFile {
 public:
  GraftParquetFile(const std::string& path, size_t most_row_bytes)
      : most_row_bytes_(most_row_bytes), file_(open_reader(path)) {
    std::shared_ptr<arrow::Schema> schema;
    check(file_->GetSchema(&schema));
    check_columns(*schema);
    std::vector<int> groups(static_cast<size_t>(file_->num_row_groups()));
    std::iota(groups.begin(), groups.end(), 0);
    batches_ = checked(file_->GetRecordBatchReader(groups));
  }

  // Makes text() the next row's; false if there is none.
  bool next() {
    while (batch_ == nullptr || at_ == batch_->num_rows()) {
      batch_ = checked(batches_->Next());
      if (batch_ == nullptr) return false;
      check(batch_->ValidateFull());
      at_ = 0;
    }
    ++row_;
    try {
      write_row();
    } catch (const std::runtime_error& problem) {
      throw std::runtime_error("row " + std::to_string(row_) + ": " + problem.what());
    }
    ++at_;
    return true;
  }

  const std::string& text() const { return text_; }
  int64_t rows() const { return file_->parquet_reader()->metadata()->num_rows(); }

 private:
  void write_row() {
    text_ = "{";
    for (int i = 0; i < batch_->num_columns(); ++i) {
      const std::string& name = batch_->column_name(i);
      if (i > 0) text_ += ", ";
      append_quoted(text_, name);
      text_ += ": ";
      append_json(text_, *batch_->column(i), at_, name);
      if (text_.size() > most_row_bytes_) {
        throw std::runtime_error("it is longer than " + std::to_string(most_row_bytes_ >> 20) +
                                 " MiB");
      }
    }
    text_ += '}';
  }

  size_t most_row_bytes_;
  std::unique_ptr<parquet::arrow::FileReader> file_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  int64_t at_ = 0, row_ = 0;
  std::string text_;
};

const GraftParquet graft_parquet_rows = {
    [](const char* path, size_t most_row_bytes, char* error, size_t error_size) {
      return guarded<GraftParquetFile*>(error, error_size, nullptr, [&] {
        return std::make_unique<GraftParquetFile>(path, most_row_bytes).release();
      });
    },
    [](GraftParquetFile* file, const char** text, size_t* size, char* error, size_t error_size) {
      return guarded<int>(error, error_size, -1, [&] {
        if (!file->next()) return 0;
        *text = file->text().data();
        *size = file->text().size();
        return 1;
      });
    },
    [](const GraftParquetFile* file) { return file->rows(); },
    [](GraftParquetFile* file) { delete file; },
};
