#include "graft/base/byte_size.h"

#include <cctype>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "graft/base/error.h"

namespace graft {
namespace {

// 1000^n or 1024^n; 0 for what is no unit.
double size_of_unit(std::string_view unit) {
  if (unit.empty() || unit == "b") return 1;
  const size_t power = std::string_view("kmgt").find(unit.front());
  if (power == std::string_view::npos) return 0;
  unit.remove_prefix(1);
  const bool binary = unit.starts_with('i');
  if (binary) unit.remove_prefix(1);
  if (!unit.empty() && unit != "b") return 0;
  return std::pow(binary ? 1024.0 : 1000.0, static_cast<double>(power + 1));
}

}  // namespace

uint64_t byte_size(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  std::string unit;
  for (const char* at = end; *at != '\0'; ++at) {
    if (*at != ' ') unit += static_cast<char>(std::tolower(static_cast<unsigned char>(*at)));
  }
  const double bytes = end == text.c_str() ? 0 : number * size_of_unit(unit);
  constexpr double kMost = 1e18;
  if (!(bytes > 0 && bytes <= kMost)) {
    fail_usage("\"{}\" is no size, such as 800MB or 1.5GB", text);
  }
  return static_cast<uint64_t>(bytes);
}

}  // namespace graft
