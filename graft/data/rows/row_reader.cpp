#include "graft/data/rows/row_reader.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/strange_file.h"
#include "graft/data/rows/byte_source.h"
#include "graft/data/rows/compressed_bytes.h"
#include "graft/data/rows/csv.h"
#include "graft/data/rows/json_array.h"
#include "graft/data/rows/json_lines.h"
#include "graft/data/rows/parquet_rows.h"
#include "graft/data/rows/window.h"

namespace graft::data {
namespace {

enum class Kind { json_lines, json, csv, tsv, parquet, unknown };

// What the name of a file says that it is.
struct Named {
  Kind kind = Kind::unknown;
  Compression compression = Compression::none;
};

std::string extension_of(const fs::path& file) {
  std::string extension = file.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

Named named(const fs::path& file) {
  Named result;
  fs::path inner = file;
  const std::string last = extension_of(file);
  if (last == ".gz") result.compression = Compression::gzip;
  if (last == ".zst") result.compression = Compression::zstd;
  if (result.compression != Compression::none) inner = file.stem();
  constexpr std::pair<std::string_view, Kind> kKinds[] = {
      {".jsonl", Kind::json_lines}, {".ndjson", Kind::json_lines}, {".json", Kind::json},
      {".csv", Kind::csv},          {".tsv", Kind::tsv},           {".parquet", Kind::parquet}};
  for (const auto& [extension, kind] : kKinds) {
    if (extension_of(inner) == extension) result.kind = kind;
  }
  return result;
}

// Bytes that were read already, and then the others of the source.
class Rejoined : public ByteSource {
 public:
  Rejoined(std::string first, std::unique_ptr<ByteSource> rest)
      : first_(std::move(first)), rest_(std::move(rest)) {}

  size_t read(char* to, size_t most) override {
    if (taken_ == first_.size()) return rest_->read(to, most);
    const size_t count = first_.copy(to, most, taken_);
    taken_ += count;
    return count;
  }
  double done() const override { return rest_->done(); }

 private:
  std::string first_;
  size_t taken_ = 0;
  std::unique_ptr<ByteSource> rest_;
};

// The first bytes of a source, enough to tell what it is; fewer only if it ends.
std::string begin_of(ByteSource& source) {
  std::string begin(2048, '\0');
  size_t size = 0;
  for (size_t count; size < begin.size(); size += count) {
    count = source.read(begin.data() + size, begin.size() - size);
    if (count == 0) break;
  }
  begin.resize(size);
  return begin;
}

// Unpacks the source if it, or its name, says that it is compressed.
std::unique_ptr<ByteSource> unpacked(std::unique_ptr<ByteSource> source, std::string begin,
                                     Compression named, const std::string& name) {
  const Compression found = compression_of(begin);
  if (named != Compression::none && found != named) {
    fail("{} is no {} data, as its name says{}", name, named == Compression::gzip ? "gzip" : "zstd",
         what_it_is(begin));
  }
  auto all = std::make_unique<Rejoined>(std::move(begin), std::move(source));
  if (found == Compression::gzip) return gunzip(std::move(all), name);
  if (found == Compression::zstd) return unzstd(std::move(all), name);
  return all;
}

const char* noun_of(Kind kind) {
  switch (kind) {
    case Kind::json_lines:
      return "JSONL";
    case Kind::json:
      return "JSON";
    case Kind::csv:
      return "CSV";
    case Kind::tsv:
      return "TSV";
    default:
      return "data set";
  }
}

// The first character that is no white space, within what fits a first look; 0 if there is none.
char first_character(Window& window) {
  constexpr size_t kMost = size_t{1} << 20;
  for (;;) {
    const std::string_view rest = window.rest();
    const size_t at = rest.find_first_not_of(" \t\r\n");
    if (at != std::string_view::npos) return rest[at];
    if (rest.size() > kMost || !window.more(1)) return '\0';
  }
}

std::unique_ptr<RowReader> read_text_rows(std::unique_ptr<ByteSource> source,
                                          const std::string& name, Kind kind) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  Window window(std::move(source), name);
  window.more(1);
  if (window.rest().starts_with(kByteOrderMark)) window.skip(kByteOrderMark.size());
  if (!window.rest().empty()) {
    const std::string what = what_it_is(window.rest());
    if (!what.empty()) fail("{} is no {}{}", name, noun_of(kind), what);
  }
  if (kind == Kind::csv) return csv_rows(std::move(window), ',');
  if (kind == Kind::tsv) return csv_rows(std::move(window), '\t');
  const char first = first_character(window);
  if (first == '[') return json_array(std::move(window));
  if (first == '{' && kind == Kind::json && is_object_with_rows(window)) {
    return json_array(std::move(window));
  }
  return json_lines(std::move(window));
}

std::unique_ptr<RowReader> read_rows_of(std::unique_ptr<ByteSource> source,
                                        const std::string& name) {
  std::string begin = begin_of(*source);
  return read_text_rows(unpacked(std::move(source), std::move(begin), Compression::none, name),
                        name, Kind::json_lines);
}

}  // namespace

bool is_row_file(const fs::path& file) {
  const Named is = named(file);
  if (is.kind == Kind::unknown) return false;
  const bool is_json = is.kind == Kind::json_lines || is.kind == Kind::json;
  return !is_json || is.compression != Compression::none;
}

std::unique_ptr<RowReader> open_rows(const fs::path& file, const std::string& name,
                                     TextForm* form) {
  const Named is = named(file);
  std::unique_ptr<ByteSource> source = open_file_bytes(file, name);
  std::string begin = begin_of(*source);
  refuse_lfs_pointer(begin, name);
  const bool parquet = is.kind == Kind::unknown && begin.starts_with("PAR1");
  if (parquet || is.kind == Kind::parquet) {
    if (is.compression != Compression::none) {
      fail("{}: Parquet is compressed inside: unpack the file first", name);
    }
    source.reset();
    return parquet_rows(file, name);
  }
  source = unpacked(std::move(source), std::move(begin), is.compression, name);
  if (form != nullptr) source = watched(std::move(source), *form);
  return read_text_rows(std::move(source), name, is.kind);
}

std::unique_ptr<RowReader> read_rows(std::string_view text, const std::string& name) {
  return read_rows_of(text_bytes(text), name);
}

std::unique_ptr<RowReader> read_rows(std::istream& stream, const std::string& name) {
  return read_rows_of(stream_bytes(stream), name);
}

void for_each_row(RowReader& reader, const UseRow& use) {
  for (RawRow row; reader.next(row);) use(reader.parse(row), row.line);
}

void for_each_row(const fs::path& file, const std::string& name, const UseRow& use) {
  for_each_row(*open_rows(file, name), use);
}

}  // namespace graft::data
