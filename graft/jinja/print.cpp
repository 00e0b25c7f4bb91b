#include "graft/jinja/print.h"

#include <cmath>

#include "graft/jinja/value_limits.h"
#include "graft/unicode/unicode.h"

namespace graft::jinja {
namespace {

bool is_printable(uint32_t c) {
  return c >= 0x20 && c != 0x7F && !(c >= 0x80 && c < 0xA1) && c != 0xAD &&
         !(c >= 0x2028 && c <= 0x202F) && c != 0xFEFF && !(c >= 0x200B && c <= 0x200F) &&
         !(c >= 0xE000 && c < 0xF900);
}

std::string python_quoted(std::string_view text) {
  const bool double_quotes = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char quote = double_quotes ? '"' : '\'';
  std::string out(1, quote);
  for (size_t i = 0; i < text.size();) {
    const auto c = unicode::decode(text.data() + i);
    if (c.value == '\n') {
      out += "\\n";
    } else if (c.value == '\r') {
      out += "\\r";
    } else if (c.value == '\t') {
      out += "\\t";
    } else if (c.value == '\\' || c.value == static_cast<uint32_t>(quote)) {
      out += '\\';
      out += static_cast<char>(c.value);
    } else if (is_printable(c.value)) {
      out += text.substr(i, c.size);
    } else if (c.value < 0x100) {
      out += fmt::format("\\x{:02x}", c.value);
    } else if (c.value < 0x10000) {
      out += fmt::format("\\u{:04x}", c.value);
    } else {
      out += fmt::format("\\U{:08x}", c.value);
    }
    i += c.size;
  }
  return out + quote;
}

void write(const Value& x, bool repr, int depth, std::string& out);

void write_items(const List& items, int depth, std::string& out) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ", ";
    write(items[i], true, depth + 1, out);
  }
}

void write(const Value& x, bool repr, int depth, std::string& out) {
  check_nesting(depth);
  check_size(out.size());
  if (x.is_undefined()) {
    out += repr ? "Undefined" : "";
  } else if (x.is_none()) {
    out += "None";
  } else if (x.is_bool()) {
    out += truth(x) ? "True" : "False";
  } else if (const auto integer = x.integer()) {
    out += fmt::format("{}", *integer);
  } else if (const auto number = x.number()) {
    out += real_text(*number);
  } else if (const std::string* text = x.string()) {
    out += repr ? python_quoted(*text) : *text;
  } else if (const List* items = x.list()) {
    out += x.is_tuple() ? '(' : '[';
    write_items(*items, depth, out);
    if (x.is_tuple() && items->size() == 1) out += ',';
    out += x.is_tuple() ? ')' : ']';
  } else if (const Dict* dict = x.dict()) {
    out += '{';
    bool first = true;
    for (const auto& [key, value] : dict->items()) {
      if (!first) out += ", ";
      first = false;
      write(key, true, depth + 1, out);
      out += ": ";
      write(value, true, depth + 1, out);
    }
    out += '}';
  } else {
    out += "<" + x.object()->type_name() + ">";
  }
}

}  // namespace

std::string real_text(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  std::string text = fmt::format("{}", x);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string to_string(const Value& x) {
  std::string out;
  write(x, false, 0, out);
  return out;
}

std::string to_repr(const Value& x) {
  std::string out;
  write(x, true, 0, out);
  return out;
}

}  // namespace graft::jinja
