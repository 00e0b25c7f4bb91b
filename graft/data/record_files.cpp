#include "graft/data/record_files.h"

#include <map>

#include "graft/data/jsonl.h"
#include "graft/data/parquet.h"

namespace graft::data {
namespace {

using Reader = std::vector<Record> (*)(const fs::path&);

const std::map<std::string, Reader>& readers() {
  static const std::map<std::string, Reader> all = {
      {".jsonl", read_jsonl},
      {".parquet", read_parquet},
  };
  return all;
}

}  // namespace

std::vector<Record> read_records(const fs::path& path) {
  const auto found = readers().find(path.extension().string());
  return found == readers().end() ? read_jsonl(path) : found->second(path);
}

}  // namespace graft::data
