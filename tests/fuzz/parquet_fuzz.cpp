// Reads Parquet data sets, where graft was built with Arrow.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

#include "graft/base/error.h"
#include "graft/data/rows/row_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string path = [] {
    std::string folder = "/tmp/graft-fuzz-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) std::abort();
    return folder + "/a.parquet";
  }();
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  try {
    graft::data::for_each_row(path, "input", [](const graft::ordered_json&, int64_t) {});
  } catch (const graft::Error&) {
  }
  ::unlink(path.c_str());
  return 0;
}
