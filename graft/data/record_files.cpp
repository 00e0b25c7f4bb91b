#include "graft/data/record_files.h"

#include "graft/base/error.h"
#include "graft/data/rows/row_reader.h"

namespace graft::data {

std::vector<Record> read_records(const fs::path& path) {
  if (!fs::exists(path)) {
    fail(
        "there is no {}: a data folder holds train.jsonl, valid.jsonl and test.jsonl, each line "
        "{{\"text\": ...}}",
        path.string());
  }
  std::vector<Record> records;
  for_each_row(path, path.string(), [&](const ordered_json& row, int64_t line) {
    const auto where = [&] { return fmt::format("{}:{}", path.string(), line); };
    const auto text = row.find("text");
    if (text == row.end()) fail("{}: no \"text\" among its keys", where());
    if (!text->is_string()) fail("{}: \"text\" is not a string but {}", where(), text->type_name());
    records.push_back({line, text->get<std::string>()});
  });
  if (records.empty()) fail("{} holds no examples", path.string());
  return records;
}

}  // namespace graft::data
