#include "graft/data/rows/row_writer.h"

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/data/rows/packed_file.h"
#include "graft/io/json.h"

namespace graft::data {
namespace {

std::string json_text(const ordered_json& row, std::string_view text) {
  const bool fits = !text.empty() && text.find_first_of("\r\n") == std::string_view::npos;
  return fits ? std::string(text) : row.dump();
}

class JsonLinesFile : public RowWriter {
 public:
  explicit JsonLinesFile(std::unique_ptr<PackedFile> file) : file_(std::move(file)) {}

  void write(const ordered_json& row, const std::string&, std::string_view text) override {
    file_->write(json_text(row, text) + "\n");
  }
  void finish() override { file_->commit(); }

 private:
  std::unique_ptr<PackedFile> file_;
};

class JsonArrayFile : public RowWriter {
 public:
  explicit JsonArrayFile(std::unique_ptr<PackedFile> file) : file_(std::move(file)) {}

  void write(const ordered_json& row, const std::string&, std::string_view text) override {
    file_->write((begun_ ? ",\n" : "[\n") + json_text(row, text));
    begun_ = true;
  }
  void finish() override {
    file_->write(begun_ ? "\n]\n" : "[]\n");
    file_->commit();
  }

 private:
  std::unique_ptr<PackedFile> file_;
  bool begun_ = false;
};

class TableFile : public RowWriter {
 public:
  TableFile(std::unique_ptr<PackedFile> file, char separator)
      : file_(std::move(file)), separator_(separator) {}

  void write(const ordered_json& row, const std::string& where, std::string_view) override {
    if (columns_.empty()) begin(row, where);
    std::string line;
    for (const std::string& column : columns_) {
      if (&column != &columns_.front()) line += separator_;
      const auto value = row.find(column);
      line += value == row.end() ? field("") : field(text_of(*value));
    }
    for (const auto& [key, value] : row.items()) {
      if (std::find(columns_.begin(), columns_.end(), key) != columns_.end()) continue;
      fail("{}: {} is no column of the table, whose columns are the first row's members", where,
           io::in_quotes(key));
    }
    file_->write(line + "\n");
  }
  void finish() override { file_->commit(); }

 private:
  void begin(const ordered_json& row, const std::string& where) {
    if (row.empty()) fail("{}: a row without members has no columns", where);
    std::string header;
    for (const auto& [key, value] : row.items()) {
      if (key.empty()) fail("{}: a column without a name", where);
      if (!columns_.empty()) header += separator_;
      columns_.push_back(key);
      header += field(key);
    }
    file_->write(header + "\n");
  }

  static std::string text_of(const ordered_json& value) {
    if (value.is_null()) return "";
    return value.is_string() ? value.get<std::string>() : value.dump();
  }

  // Quoted where it would be read as something else; alone in its line also where it is empty.
  std::string field(const std::string& text) const {
    const bool plain = text.find_first_of("\"\r\n") == std::string::npos &&
                       text.find(separator_) == std::string::npos;
    if (plain && !(text.empty() && columns_.size() < 2)) return text;
    std::string quoted = "\"";
    for (const char c : text) {
      if (c == '"') quoted += '"';
      quoted += c;
    }
    return quoted + "\"";
  }

  std::unique_ptr<PackedFile> file_;
  char separator_;
  std::vector<std::string> columns_;
};

struct RowFileName {
  std::string kind;  // ".jsonl"
  Compression compression = Compression::none;
};

RowFileName name_of(const fs::path& file) {
  std::string name = file.filename().string();
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  RowFileName result;
  if (name.ends_with(".gz")) result.compression = Compression::gzip;
  if (name.ends_with(".zst")) result.compression = Compression::zstd;
  if (result.compression != Compression::none) name = fs::path(name).stem().string();
  result.kind = fs::path(name).extension().string();
  for (const char* known : {".jsonl", ".ndjson", ".json", ".csv", ".tsv"}) {
    if (result.kind == known) return result;
  }
  fail_usage(
      "{}: rows are written to files that end in .jsonl, .json, .csv or .tsv, also with .gz or "
      ".zst behind it",
      file.string());
}

}  // namespace

void check_row_file(const fs::path& file) { name_of(file); }

std::unique_ptr<RowWriter> create_rows(const fs::path& file) {
  const RowFileName name = name_of(file);
  auto packed = create_packed(file, name.compression);
  if (name.kind == ".json") return std::make_unique<JsonArrayFile>(std::move(packed));
  if (name.kind == ".csv") return std::make_unique<TableFile>(std::move(packed), ',');
  if (name.kind == ".tsv") return std::make_unique<TableFile>(std::move(packed), '\t');
  return std::make_unique<JsonLinesFile>(std::move(packed));
}

}  // namespace graft::data
