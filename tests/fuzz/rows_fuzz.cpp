// Reads data sets of all kinds but Parquet. The input is the file's name, which says its kind, a
// newline, and the file's bytes.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "graft/base/error.h"
#include "graft/data/rows/row_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string folder = [] {
    std::string name = "/tmp/graft-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    return name;
  }();
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t newline = input.find('\n');
  if (newline == std::string_view::npos) return 0;
  for (const char* name : {"a.json", "a.jsonl", "a.csv", "a.tsv", "a.json.gz", "a.jsonl.gz",
                           "a.csv.gz", "a.jsonl.zst", "a.tsv.zst"}) {
    if (input.substr(0, newline) != name) continue;
    const std::string path = folder + "/" + name;
    const std::string_view bytes = input.substr(newline + 1);
    std::ofstream(path, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    try {
      graft::data::for_each_row(path, "input", [](const graft::ordered_json& row, int64_t line) {
        if (!row.is_object() || line < 1) __builtin_trap();
      });
    } catch (const graft::Error&) {
    }
    ::unlink(path.c_str());
  }
  return 0;
}
