#include "graft/parquet_reader/parquet_reader.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>

#include <exception>
#include <stdexcept>
#include <string>

namespace {

void check(const arrow::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.message());
}

template <class Value>
Value checked(arrow::Result<Value> result) {
  check(result.status());
  return std::move(result).ValueUnsafe();
}

std::string names_of(const arrow::Schema& schema) {
  std::string names;
  for (const std::string& name : schema.field_names()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

class Reader {
 public:
  Reader(GraftTakeText take, void* user) : take_(take), user_(user) {}

  void read(const std::string& path, const std::string& column) {
    auto file = checked(arrow::io::ReadableFile::Open(path));
    auto reader = checked(parquet::arrow::OpenFile(file, arrow::default_memory_pool()));
    reader->set_use_threads(false);
    std::shared_ptr<arrow::Schema> schema;
    check(reader->GetSchema(&schema));
    const int index = schema->GetFieldIndex(column);
    if (index < 0) {
      throw std::runtime_error("no \"" + column + "\" among its columns: " + names_of(*schema));
    }
    const auto kind = schema->field(index)->type()->id();
    if (kind != arrow::Type::STRING && kind != arrow::Type::LARGE_STRING) {
      throw std::runtime_error("\"" + column + "\" is not a string but " +
                               schema->field(index)->type()->ToString());
    }
    // One group of rows after the other is in memory, and of it one column.
    for (int group = 0; group < reader->num_row_groups(); ++group) {
      auto table = checked(reader->ReadRowGroup(group, {leaf_of(*reader, column)}));
      for (const auto& chunk : table->column(0)->chunks()) take_all(*chunk);
    }
  }

 private:
  // Columns are counted by their leaves where some are nested.
  static int leaf_of(parquet::arrow::FileReader& reader, const std::string& column) {
    const auto& schema = *reader.parquet_reader()->metadata()->schema();
    for (int i = 0; i < schema.num_columns(); ++i) {
      if (schema.Column(i)->path()->ToDotString() == column) return i;
    }
    throw std::runtime_error("no \"" + column + "\" among its columns");
  }

  void take_all(const arrow::Array& chunk) {
    check(chunk.ValidateFull());
    if (chunk.type_id() == arrow::Type::STRING) {
      take_all(static_cast<const arrow::StringArray&>(chunk));
    } else {
      take_all(static_cast<const arrow::LargeStringArray&>(chunk));
    }
  }

  template <class Strings>
  void take_all(const Strings& strings) {
    for (int64_t i = 0; i < strings.length(); ++i) {
      ++row_;
      if (strings.IsNull(i)) throw std::runtime_error("row " + std::to_string(row_) + " is null");
      const auto text = strings.GetView(i);
      take_(user_, row_, text.data(), text.size());
    }
  }

  GraftTakeText take_;
  void* user_;
  int64_t row_ = 0;
};

}  // namespace

int graft_read_parquet_texts(const char* path, const char* column, GraftTakeText take, void* user,
                             char* error, size_t error_size) {
  try {
    Reader(take, user).read(path, column);
    return 0;
  } catch (const std::exception& problem) {
    const std::string text = problem.what();
    error[text.copy(error, error_size - 1)] = '\0';
    return 1;
  }
}
