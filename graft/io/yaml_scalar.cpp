#include "graft/io/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>
#include <regex>
#include <string_view>

namespace graft::io {
namespace {

constexpr size_t kLongestNumber = 100;

bool is_one_of(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::string without_underscores(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
  return text;
}

std::optional<ordered_json> integer(const std::string& text) {
  static const std::regex pattern(
      "([-+]?)(0b([01_]+)|0x([0-9a-fA-F_]+)|0([0-7_]+)|(0|[1-9][0-9_]*))");
  std::smatch match;
  if (!std::regex_match(text, match, pattern)) return {};
  const bool negative = match[1] == "-";
  const std::array<int, 4> bases = {2, 16, 8, 10};
  for (size_t i = 0; i < bases.size(); ++i) {
    if (!match[i + 3].matched) continue;
    const std::string digits = without_underscores(match[i + 3]);
    if (digits.empty()) return {};
    uint64_t value = 0;
    const auto result =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, bases[i]);
    const bool fits = result.ec == std::errc() &&
                      (!negative || value <= uint64_t{std::numeric_limits<int64_t>::max()});
    if (!fits && bases[i] == 10) return std::strtod(without_underscores(text).c_str(), nullptr);
    if (!fits) return {};
    if (negative) return -static_cast<int64_t>(value);
    return value;
  }
  return {};
}

std::optional<ordered_json> number(const std::string& text) {
  // PyYAML's two patterns and mlx-lm's three.
  static const std::regex pattern(
      "[-+]?[0-9][0-9_]*\\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|"
      "\\.[0-9][0-9_]*([eE][-+][0-9]+)?");
  if (std::regex_match(text, pattern)) {
    return std::strtod(without_underscores(text).c_str(), nullptr);
  }
  const double infinity = std::numeric_limits<double>::infinity();
  if (is_one_of(text, {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"})) return infinity;
  if (is_one_of(text, {"-.inf", "-.Inf", "-.INF"})) return -infinity;
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
  return {};
}

}  // namespace

ordered_json plain_scalar(const std::string& text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return nullptr;
  if (is_one_of(text, {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) return true;
  if (is_one_of(text, {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) {
    return false;
  }
  if (text.size() > kLongestNumber) return text;
  if (const auto value = integer(text)) return *value;
  return number(text).value_or(ordered_json(text));
}

}  // namespace graft::io
