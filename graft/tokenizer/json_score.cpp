#include "graft/tokenizer/json_score.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace graft::tokenizer {
namespace {

double power_of_ten(size_t exponent) {
  static const std::array<double, 309> powers = [] {
    std::array<double, 309> table{};
    for (size_t i = 0; i < table.size(); ++i) {
      std::string text = "1e" + std::to_string(i);
      std::from_chars(text.data(), text.data() + text.size(), table[i]);
    }
    return table;
  }();
  return powers[exponent];
}

}  // namespace

std::optional<double> json_score(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  uint64_t digits = 0;
  int64_t exponent = 0;
  bool fraction = false, full = false;
  size_t i = 0;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.') {
      fraction = true;
      full = false;  // a small digit may fit again
      continue;
    }
    const auto digit = static_cast<uint64_t>(text[i] - '0');
    full = full || digits > (UINT64_MAX - digit) / 10;
    if (!full) digits = digits * 10 + digit;
    if (full != fraction) exponent += full ? 1 : -1;
  }
  if (i < text.size()) {
    std::string_view power = text.substr(i + 1);
    int64_t value = 0;
    for (char c : power) {
      if (c >= '0' && c <= '9' && value < 1'000'000'000) value = value * 10 + (c - '0');
    }
    exponent += power.starts_with('-') ? -value : value;
  }
  auto result = static_cast<double>(digits);
  for (; exponent < -308 && result != 0; exponent += 308) result /= 1e308;
  if (result != 0 && exponent != 0) {
    if (exponent > 308) return std::nullopt;
    const double power = power_of_ten(static_cast<size_t>(std::abs(exponent)));
    result = exponent < 0 ? result / power : result * power;
    if (std::isinf(result)) return std::nullopt;
  }
  return negative ? -result : result;
}

}  // namespace graft::tokenizer
