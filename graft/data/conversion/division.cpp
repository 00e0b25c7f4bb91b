#include "graft/data/conversion/division.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <utility>

#include "graft/base/atomic_folder.h"
#include "graft/base/error.h"
#include "graft/data/rows/row_reader.h"
#include "graft/data/rows/row_writer.h"

namespace graft::data {
namespace {

constexpr const char* kKinds[] = {".jsonl", ".ndjson", ".json", ".csv", ".tsv"};
constexpr const char* kPacked[] = {"", ".gz", ".zst"};

// ".csv.gz" of "all.csv.gz".
std::string kind_of(const fs::path& file) {
  std::string name = file.filename().string();
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* kind : kKinds) {
    for (const char* packed : kPacked) {
      if (name.ends_with(std::string(kind) + packed)) return std::string(kind) + packed;
    }
  }
  return ".jsonl";
}

bool is_split_file(const std::string& name) {
  for (const std::string split : {"train", "valid", "test"}) {
    for (const char* kind : kKinds) {
      for (const char* packed : kPacked) {
        if (name == split + kind + packed) return true;
      }
    }
  }
  return false;
}

// What of an earlier folder is replaced.
std::vector<std::string> replaced_splits(const fs::path& earlier, bool force) {
  std::vector<std::string> names;
  for (const fs::path& path : entries_of(earlier)) {
    const std::string name = path.filename().string();
    if (!is_split_file(name) || !is_file(path)) {
      fail_usage("{} holds {}, which is no file of a split: name another folder", earlier.string(),
                 name);
    }
    if (!force) {
      fail_usage("{} holds {} already: `force` replaces it", earlier.string(), name);
    }
    names.push_back(name);
  }
  return names;
}

struct Part {
  DividedFile file;
  HashRange range;
  std::unique_ptr<RowWriter> writer;
};

std::vector<Part> parts_in(const fs::path& folder, const std::string& kind,
                           const DivisionOptions& options) {
  const double valid = options.valid, test = options.test;
  std::vector<Part> parts;
  const auto add = [&](const char* split, double begin, double end) {
    if (begin >= end) return;
    const std::string name = split + kind;
    parts.push_back({{name}, {begin, end}, create_rows(folder / name)});
  };
  add("train", valid + test, 1);
  add("valid", 0, valid);
  add("test", valid, valid + test);
  return parts;
}

}  // namespace

std::vector<DividedFile> divide_rows(const DataFile& from, const fs::path& folder,
                                     const DivisionOptions& options, FrontEnd& front_end) {
  constexpr int64_t kRowsBetweenShows = 1024;
  if (!(options.valid >= 0 && options.test >= 0 && options.valid + options.test < 1)) {
    fail_usage("shares of {} and {} leave nothing to train on", options.valid, options.test);
  }
  const auto reader = open_rows(from.path, from.name);
  AtomicFolder made(
      folder, [&](const fs::path& earlier) { return replaced_splits(earlier, options.force); });
  const std::string kind = kind_of(from.path);
  const bool is_table = kind.starts_with(".csv") || kind.starts_with(".tsv");
  std::vector<Part> parts = parts_in(made.path(), kind, options);
  int64_t rows = 0;
  for (RawRow row; reader->next(row);) {
    if (rows++ % kRowsBetweenShows == 0) {
      front_end.progress({{reader->done(), {from.name, fmt::format("{} rows", rows - 1)}}});
      front_end.check_cancelled();
    }
    const auto part = std::find_if(parts.begin(), parts.end(),
                                   [&](const Part& its) { return its.range.has(row.text); });
    part->writer->write(reader->parse(row), fmt::format("{}:{}", from.name, row.line),
                        is_table ? std::string_view() : row.text);
    ++part->file.rows;
  }
  front_end.progress({});
  std::vector<DividedFile> files;
  for (Part& part : parts) {
    if (part.file.rows == 0) {
      fail("{}: none of its {} rows comes into {}: give it a larger share", from.name, rows,
           part.file.name);
    }
    part.writer->finish();
    files.push_back(std::move(part.file));
  }
  made.commit();
  return files;
}

}  // namespace graft::data
