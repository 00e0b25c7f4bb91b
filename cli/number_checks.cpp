#include "cli/number_checks.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace graft::cli {
namespace {

CLI::Validator number(std::string name, std::string wanted, std::function<bool(double)> holds) {
  auto check = [wanted = std::move(wanted),
                holds = std::move(holds)](const std::string& text) -> std::string {
    double value = 0;
    if (CLI::detail::lexical_cast(text, value) && holds(value)) return {};
    return fmt::format("{} is not {}", text, wanted);
  };
  return CLI::Validator(check, name);
}

}  // namespace

CLI::Validator positive() {
  return number("POSITIVE", "a number of at least 1", [](double x) { return x >= 1; });
}

CLI::Validator not_negative() {
  return number("NONNEGATIVE", "a finite number of at least 0",
                [](double x) { return x >= 0 && std::isfinite(x); });
}

CLI::Validator above_zero() {
  return number("ABOVE 0", "a finite number above 0",
                [](double x) { return x > 0 && std::isfinite(x); });
}

CLI::Validator count_up_to(int most) {
  auto check = [most](const std::string& text) -> std::string {
    int value = 0;
    if (CLI::detail::lexical_cast(text, value) && value >= 1 && value <= most) return {};
    return fmt::format("{} is not a whole number from 1 to {}", text, most);
  };
  return CLI::Validator(check, fmt::format("1..{}", most));
}

CLI::Validator seed() {
  // Not by lexical_cast, for which -1 is 2^64 - 1.
  auto check = [](const std::string& text) -> std::string {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return {};
    return fmt::format("{} is not a whole number from 0 to 18446744073709551615", text);
  };
  return CLI::Validator(check, "0..2^64-1");
}

CLI::Validator count_or_all() {
  return number("POSITIVE or -1", "a number of at least 1, or -1 for all",
                [](double x) { return x >= 1 || x == -1; });
}

CLI::Validator number_between(double least, double most) {
  return number(fmt::format("{}..{}", least, most),
                fmt::format("a number from {} to {}", least, most),
                [=](double x) { return x >= least && x <= most; });
}

CLI::Validator boolean() {
  auto check = [](const std::string& text) -> std::string {
    for (const char* word : {"true", "false", "on", "off", "yes", "no", "1", "0"}) {
      if (text == word) return {};
    }
    return fmt::format("{} is neither true nor false", text);
  };
  return CLI::Validator(check, "true|false");
}

CLI::Validator finite() {
  return number("FINITE", "a finite number", [](double x) { return std::isfinite(x); });
}

}  // namespace graft::cli
