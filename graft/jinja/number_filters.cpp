#include "graft/jinja/number_filters.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "graft/jinja/interpreter.h"
#include "graft/jinja/operations.h"
#include "graft/jinja/text.h"

namespace graft::jinja::filters {
namespace {

std::optional<double> real_of(const Value& x) {
  if (const auto number = x.number()) return number;
  if (x.string() == nullptr) return {};
  const std::string text(stripped(*x.string(), nullptr, true, true));
  std::string_view digits = text;
  if (!digits.empty() && digits[0] == '+') digits.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return {};
  return value;
}

}  // namespace

Value to_integer(Interpreter&, const Value& x, const Arguments& arguments) {
  const Parameters p("int", arguments, {"default", "base"});
  const Value otherwise = p.value_or("default", int64_t{0});
  if (const auto integer = x.integer()) return *integer;
  if (x.string() != nullptr) {
    std::string text(stripped(*x.string(), nullptr, true, true));
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    std::string_view digits = text;
    const int64_t base = p.integer_or("base", 10);
    if (base < 2 || base > 36) return otherwise;
    const bool minus = digits.starts_with('-');
    if (minus || digits.starts_with('+')) digits.remove_prefix(1);
    const std::string prefix = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
    if (!prefix.empty() && lower(digits.substr(0, 2)) == prefix) digits.remove_prefix(2);
    int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value,
                                              static_cast<int>(base));
    if (!digits.empty() && error == std::errc() && end == digits.data() + digits.size() &&
        digits[0] != '-') {
      return minus ? -value : value;
    }
  }
  const auto number = real_of(x);
  if (!number || !(std::abs(*number) < 9.2e18)) return otherwise;
  return static_cast<int64_t>(*number);
}

Value to_real(Interpreter&, const Value& x, const Arguments& arguments) {
  const Value otherwise = Parameters("float", arguments, {"default"}).value_or("default", 0.0);
  const auto number = real_of(x);
  return number ? Value(*number) : otherwise;
}

Value rounded(Interpreter&, const Value& x, const Arguments& arguments) {
  const Parameters p("round", arguments, {"precision", "method"});
  const int64_t precision = p.integer_or("precision", 0);
  const std::string method = p.string_or("method", "common");
  const auto number = defined(x).number();
  if (!number) refuse("round needs a number, not {}", type_name(x));
  if (precision < -300 || precision > 300) refuse("round: 'precision' is out of range");
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (method == "ceil") return std::ceil(*number * scale) / scale;
  if (method == "floor") return std::floor(*number * scale) / scale;
  if (method != "common") refuse("round: 'method' is \"common\", \"ceil\" or \"floor\"");
  if (x.integer() && precision >= 0) return *x.integer();
  if (precision < 0) {
    const double result = std::nearbyint(*number * scale) / scale;
    if (!x.integer()) return result;
    if (!(std::abs(result) < 9.2e18)) refuse("round: the integer does not fit 64 bits");
    return static_cast<int64_t>(result);
  }
  return std::stod(fmt::format("{:.{}f}", *number, precision));
}

Value absolute(Interpreter&, const Value& x, const Arguments& arguments) {
  Parameters("abs", arguments, {});
  const auto number = defined(x).number();
  if (!number) refuse("abs needs a number, not {}", type_name(x));
  return *number < 0 ? negative(x) : x.integer() ? Value(*x.integer()) : x;
}

}  // namespace graft::jinja::filters
