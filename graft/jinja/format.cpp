#include "graft/jinja/format.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "graft/jinja/interpreter.h"
#include "graft/jinja/operations.h"
#include "graft/jinja/print.h"
#include "graft/jinja/text.h"
#include "graft/jinja/value_limits.h"
#include "graft/unicode/unicode.h"

namespace graft::jinja {
namespace {

// The text between the % and the letter of a conversion, and the letter.
struct Conversion {
  std::string flags;
  size_t width = 0;
  std::optional<int> precision;
  char kind = 0;

  bool has(char flag) const { return flags.find(flag) != std::string::npos; }
};

int take_number(const std::string& format, size_t& i) {
  int number = 0;
  for (; i < format.size() && format[i] >= '0' && format[i] <= '9'; ++i) {
    number = number * 10 + (format[i] - '0');
    if (number > 999) refuse("a format is wider than 999 characters");
  }
  return number;
}

Conversion take_conversion(const std::string& format, size_t& i) {
  Conversion c;
  while (i < format.size() && std::string_view("-+ 0#").find(format[i]) != std::string::npos) {
    c.flags += format[i++];
  }
  c.width = static_cast<size_t>(take_number(format, i));
  if (i < format.size() && format[i] == '.') c.precision = take_number(format, ++i);
  if (i >= format.size()) refuse("incomplete format");
  c.kind = format[i++];
  return c;
}

double number_of(const Conversion& c, const Value& value) {
  const auto number = value.number();
  if (!number) refuse("%{} needs a number, not {}", c.kind, type_name(value));
  return *number;
}

std::string integer_text(const Conversion& c, const Value& value) {
  const double number = number_of(c, value);
  if (!(std::abs(number) < 9.3e18)) refuse("%{} needs a number of 64 bits", c.kind);
  const int64_t x = value.integer().value_or(static_cast<int64_t>(std::clamp(number, -9e18, 9e18)));
  const std::string sign = x >= 0 && c.has('+') ? "+" : x >= 0 && c.has(' ') ? " " : "";
  switch (c.kind) {
    case 'x':
      return sign + fmt::format("{:x}", x);
    case 'X':
      return sign + fmt::format("{:X}", x);
    case 'o':
      return sign + fmt::format("{:o}", x);
    default:
      return sign + fmt::format("{}", x);
  }
}

std::string real_conversion(const Conversion& c, const Value& value) {
  std::string pattern = "%";
  for (char flag : {'+', ' ', '#'}) {
    if (c.has(flag)) pattern += flag;
  }
  pattern += ".*";
  pattern += c.kind;
  char buffer[1500];  // 309 digits before the point, 999 after it
  std::snprintf(buffer, sizeof buffer, pattern.c_str(), c.precision.value_or(6),
                number_of(c, value));
  return buffer;
}

std::string character_text(const Value& value) {
  const auto code = value.integer();
  if (!code) {
    const std::string& text = string_of(value, "%c");
    if (characters(text) != 1) refuse("%c needs one character");
    return text;
  }
  if (*code < 0 || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) {
    refuse("%c needs a character");
  }
  std::string text;
  unicode::append_utf8(text, static_cast<uint32_t>(*code));
  return text;
}

std::string converted(const Conversion& c, const Value& value) {
  switch (c.kind) {
    case 's':
    case 'r': {
      const std::string text = c.kind == 's' ? to_string(value) : to_repr(value);
      if (!c.precision) return text;
      const Value end(int64_t{*c.precision});
      return *slice(Value(text), nullptr, &end, nullptr).string();
    }
    case 'd':
    case 'i':
    case 'x':
    case 'X':
    case 'o':
      return integer_text(c, value);
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      return real_conversion(c, value);
    case 'c':
      return character_text(value);
    default:
      refuse("unsupported format character {:#04x}", static_cast<unsigned char>(c.kind));
  }
}

std::string padded(const Conversion& c, std::string text) {
  const auto have = static_cast<size_t>(characters(text));
  if (have >= c.width) return text;
  const size_t missing = c.width - have;
  if (c.has('-')) return text + std::string(missing, ' ');
  const bool number = c.kind != 's' && c.kind != 'r' && c.kind != 'c';
  if (!c.has('0') || !number) return std::string(missing, ' ') + text;
  const bool sign = !text.empty() && (text[0] == '-' || text[0] == '+');
  return text.insert(sign ? 1 : 0, missing, '0');
}

// Hands out the arguments one by one, or by name.
class Source {
 public:
  explicit Source(const Value& arguments) : arguments_(arguments) {}

  const Value& next() {
    const List* items = arguments_.is_tuple() ? arguments_.list() : nullptr;
    if (used_ >= (items != nullptr ? items->size() : 1))
      refuse("not enough arguments for a format");
    ++used_;
    return items != nullptr ? (*items)[used_ - 1] : arguments_;
  }

  const Value& named(std::string_view name) const {
    if (arguments_.dict() == nullptr) refuse("a format with names needs a mapping");
    const Value* value = arguments_.dict()->find(name);
    if (value == nullptr) refuse("a format names '{}', which is not there", name);
    return *value;
  }

  void finish() const {
    const bool all = arguments_.is_tuple() ? used_ == arguments_.list()->size()
                                           : used_ > 0 || arguments_.dict() != nullptr ||
                                                 arguments_.list() != nullptr;
    if (!all) refuse("not all arguments of a format were used");
  }

 private:
  const Value& arguments_;
  size_t used_ = 0;
};

}  // namespace

std::string format_text(const std::string& format, const Value& arguments) {
  Source source(arguments);
  std::string out;
  for (size_t i = 0; i < format.size();) {
    check_size(out.size());
    if (format[i] != '%') {
      out += format[i++];
      continue;
    }
    std::optional<std::string> name;
    if (++i < format.size() && format[i] == '(') {
      const size_t close = format.find(')', i);
      if (close == format.npos) refuse("incomplete format");
      name = format.substr(i + 1, close - i - 1);
      i = close + 1;
    }
    const Conversion c = take_conversion(format, i);
    if (c.kind == '%') {
      out += '%';
    } else {
      out += padded(c, converted(c, name ? source.named(*name) : source.next()));
    }
  }
  source.finish();
  return out;
}

}  // namespace graft::jinja
