#include "graft/io/json_scan.h"

#include <array>
#include <cstring>

namespace graft::io {
namespace {

constexpr size_t kUnfinished = std::string_view::npos;

// Which bytes matter outside strings.
constexpr std::array<bool, 256> kStructure = [] {
  std::array<bool, 256> is{};
  for (const char c : {'"', '{', '}', '[', ']'}) is[static_cast<unsigned char>(c)] = true;
  return is;
}();

}  // namespace

size_t end_of_string(std::string_view text, size_t begin) {
  for (size_t at = begin + 1; at < text.size();) {
    const void* quote = std::memchr(text.data() + at, '"', text.size() - at);
    if (quote == nullptr) return kUnfinished;
    const auto end = static_cast<size_t>(static_cast<const char*>(quote) - text.data());
    size_t backslashes = 0;
    while (text[end - 1 - backslashes] == '\\') ++backslashes;  // the opening quote stops it
    if (backslashes % 2 == 0) return end + 1;
    at = end + 1;
  }
  return kUnfinished;
}

size_t end_of_value(std::string_view text) {
  if (text.empty()) return kUnfinished;
  if (text.front() == '"') return end_of_string(text, 0);
  if (text.front() != '{' && text.front() != '[') return text.find_first_of(",:]} \t\r\n", 1);
  size_t depth = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (!kStructure[static_cast<unsigned char>(c)]) {
      ++at;
    } else if (c == '"') {
      at = end_of_string(text, at);
      if (at == kUnfinished) return kUnfinished;
    } else {
      ++at;
      depth += c == '{' || c == '[' ? 1 : -1;
      if (depth == 0) return at;
    }
  }
  return kUnfinished;
}

}  // namespace graft::io
