#include "graft/data/json_rows.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/base/strange_file.h"
#include "graft/io/json.h"

namespace graft::data {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Takes the next line off a text.
std::string_view take_line(std::string_view& text) {
  const size_t end = std::min(text.find_first_of("\r\n"), text.size());
  const std::string_view line = text.substr(0, end);
  const size_t ending = text.substr(end).starts_with("\r\n") ? 2 : 1;
  text.remove_prefix(std::min(end + ending, text.size()));
  return line;
}

}  // namespace

void for_each_row(std::string_view text, const std::string& name,
                  const std::function<void(const ordered_json& row, int64_t line)>& row) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (const std::string what = what_it_is(text); !what.empty() && !text.empty()) {
    fail("{} is no JSONL{}", name, what);
  }
  for (int64_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    const size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) continue;
    const std::string where = fmt::format("{}:{}", name, number);
    if (line[begin] == '[') {
      fail("{}: a JSON array: each of its elements must be an object on a line of its own", where);
    }
    const ordered_json value = io::parse_ordered_json(line, where);
    if (!value.is_object()) fail("{}: a JSON object is expected, not {}", where, value.type_name());
    row(value, number);
  }
}

}  // namespace graft::data
