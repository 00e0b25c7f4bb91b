// Compiles the first line as a regular expression and looks for it in the rest.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/error.h"
#include "graft/regex/regex.h"
#include "graft/unicode/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\n'), size);
  const std::string text =
      graft::unicode::replace_invalid(input.substr(std::min(end + 1, size)).substr(0, 200));
  try {
    std::vector<graft::Span> matches;
    graft::regex::Regex(input.substr(0, end), "input").find_all(text, matches);
    size_t at = 0;
    for (const graft::Span& match : matches) {
      if (match.begin < at || match.end < match.begin || match.end > text.size()) __builtin_trap();
      at = match.end;
    }
  } catch (const graft::Error&) {
  }
  return 0;
}
