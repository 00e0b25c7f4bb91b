#include "graft/jinja/json.h"

#include <algorithm>
#include <cmath>

#include "graft/jinja/comparison.h"
#include "graft/jinja/print.h"
#include "graft/jinja/value_limits.h"

namespace graft::jinja {
namespace {

void write_json_string(std::string_view text, std::string& out) {
  out += '"';
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

std::string json_number(double x) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return x > 0 ? "Infinity" : "-Infinity";
  return real_text(x);
}

std::string json_key(const Value& key) {
  if (const std::string* text = key.string()) return *text;
  if (key.is_bool()) return truth(key) ? "true" : "false";
  if (key.is_none()) return "null";
  if (const auto integer = key.integer()) return fmt::format("{}", *integer);
  if (const auto number = key.number()) return json_number(*number);
  refuse("keys must be str, int, float, bool or None, not {}", type_name(key));
}

class JsonWriter {
 public:
  explicit JsonWriter(const JsonStyle& style)
      : style_(style),
        item_separator_(style.item_separator.value_or(style.indent ? "," : ", ")),
        key_separator_(style.key_separator.value_or(": ")) {}

  void write(const Value& x, int depth) {
    check_nesting(depth);
    check_size(out.size());
    if (x.is_none()) {
      out += "null";
    } else if (x.is_bool()) {
      out += truth(x) ? "true" : "false";
    } else if (const auto integer = x.integer()) {
      out += fmt::format("{}", *integer);
    } else if (const auto number = x.number()) {
      out += json_number(*number);
    } else if (const std::string* text = x.string()) {
      write_json_string(*text, out);
    } else if (const List* items = x.list()) {
      write_all('[', ']', items->size(), depth, [&](size_t i) { write((*items)[i], depth + 1); });
    } else if (const Dict* dict = x.dict()) {
      std::vector<const std::pair<Value, Value>*> members;
      for (const auto& member : dict->items()) members.push_back(&member);
      if (style_.sort_keys) {
        std::stable_sort(members.begin(), members.end(), [](const auto* a, const auto* b) {
          int64_t work = 0;  // not counted again: the keys are part of the text
          return compare(a->first, b->first, work) < 0;
        });
      }
      write_all('{', '}', members.size(), depth, [&](size_t i) {
        write_json_string(json_key(members[i]->first), out);
        out += key_separator_;
        write(members[i]->second, depth + 1);
      });
    } else {
      refuse("a value of type {} cannot be written as JSON", type_name(x));
    }
  }

  std::string out;

 private:
  template <class Item>
  void write_all(char open, char close, size_t count, int depth, Item&& item) {
    out += open;
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) out += item_separator_;
      new_line(depth + 1);
      item(i);
    }
    if (count > 0) new_line(depth);
    out += close;
  }

  void new_line(int depth) {
    if (!style_.indent) return;
    out += '\n';
    for (int i = 0; i < depth; ++i) out += *style_.indent;
  }

  const JsonStyle& style_;
  std::string item_separator_, key_separator_;
};

}  // namespace

std::string to_json(const Value& x, const JsonStyle& style) {
  JsonWriter writer(style);
  writer.write(x, 0);
  return std::move(writer.out);
}

}  // namespace graft::jinja
