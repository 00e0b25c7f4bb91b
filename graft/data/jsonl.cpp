#include "graft/data/jsonl.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"

namespace graft::data {
namespace {

using nlohmann::json;

std::string text_of(std::string_view line, const fs::path& path, int64_t number) {
  auto where = [&] { return fmt::format("{}:{}", path.string(), number); };
  json object;
  try {
    object = json::parse(line);
  } catch (const json::parse_error& error) {
    bool utf8 = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    fail("{}: not {} (near byte {} of the line)", where(), utf8 ? "valid UTF-8" : "JSON",
         error.byte);
  }
  if (!object.is_object()) fail("{}: a JSON object with a \"text\" is expected", where());
  auto text = object.find("text");
  if (text == object.end()) fail("{}: no \"text\" among its keys", where());
  if (!text->is_string()) fail("{}: \"text\" is not a string but {}", where(), text->type_name());
  return text->get<std::string>();
}

}  // namespace

std::vector<Record> read_jsonl(const fs::path& path) {
  if (!fs::exists(path)) {
    fail(
        "there is no {}: a data folder holds train.jsonl, valid.jsonl and test.jsonl, each line "
        "{{\"text\": ...}}",
        path.string());
  }
  MappedFile file(path);
  std::string_view rest = file.text();
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // a byte order mark
  std::vector<Record> records;
  for (int64_t number = 1; !rest.empty(); ++number) {
    size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    records.push_back({number, text_of(line, path, number)});
  }
  if (records.empty()) fail("{} holds no examples", path.string());
  return records;
}

}  // namespace graft::data
