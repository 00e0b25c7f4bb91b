// Checks data sets of hostile rows, all formats in one file, with and without the page and the
// JSON.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "graft/base/error.h"
#include "graft/data/check/checker.h"
#include "graft/data/check/report_json.h"
#include "graft/data/check/report_page.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string path = [] {
    std::string name = "/tmp/graft-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    return name + "/a.jsonl";
  }();
  using namespace graft::data::check;
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  const graft::data::Source source{.files = {{path, "input"}}};
  const Report report =
      check({{"train", {source}}, {"valid", {source}}}, {}, *graft::silent_front_end());
  const std::string json = to_json(report).dump();
  const std::string page = page_of(report);
  if (json.empty() || page.find("<script") != std::string::npos) __builtin_trap();
  // Every record of the second split is in the first.
  const SourceReport &first = report.sources[0], &second = report.sources[1];
  if (first.records != second.records || first.broken != second.broken) __builtin_trap();
  ::unlink(path.c_str());
  return 0;
}
