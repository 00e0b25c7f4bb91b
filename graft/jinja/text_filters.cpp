#include "graft/jinja/text_filters.h"

#include <algorithm>

#include "graft/jinja/format.h"
#include "graft/jinja/interpreter.h"
#include "graft/jinja/json.h"
#include "graft/jinja/operations.h"
#include "graft/jinja/print.h"
#include "graft/jinja/text.h"
#include "graft/unicode/unicode.h"

namespace graft::jinja::filters {
Value string(Interpreter&, const Value& x, const Arguments& arguments) {
  Parameters("string", arguments, {});
  return to_string(x);
}

Value lower_case(Interpreter&, const Value& x, const Arguments& arguments) {
  Parameters("lower", arguments, {});
  return lower(to_string(x));
}

Value upper_case(Interpreter&, const Value& x, const Arguments& arguments) {
  Parameters("upper", arguments, {});
  return upper(to_string(x));
}

Value capitalize(Interpreter&, const Value& x, const Arguments& arguments) {
  Parameters("capitalize", arguments, {});
  return capitalized(to_string(x));
}

Value center(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  Arguments width;
  width.positional.push_back(Parameters("center", arguments, {"width"}).integer_or("width", 80));
  return interpreter.call(interpreter.attribute(to_string(x), "center"), width);
}

Value trim(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("trim", arguments, {"chars"});
  const Value* chars = p.find("chars");
  const std::string text = to_string(x);
  if (chars == nullptr || chars->is_none()) return stripped(text, nullptr, true, true);
  interpreter.charge_search(text, p.string("chars"));
  return stripped(text, &p.string("chars"), true, true);
}

Value replace(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("replace", arguments, {"old", "new", "count"});
  const std::string text = to_string(x), from = to_string(p.at("old"));
  const std::string to = to_string(p.at("new"));
  interpreter.charge_search(text, from);
  const Value* count = p.find("count");
  const bool all = count == nullptr || count->is_none();
  return replaced(text, from, to, all ? -1 : p.integer_or("count", -1));
}

Value format(Interpreter&, const Value& x, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    refuse("format takes arguments by position or by name");
  }
  if (arguments.named.empty()) {
    return format_text(to_string(x), Value::tuple(arguments.positional));
  }
  Dict dict;
  for (const auto& [name, value] : arguments.named) dict.set(name, value);
  return format_text(to_string(x), dict);
}

Value indent(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("indent", arguments, {"width", "first", "blank"});
  const Value width = p.value_or("width", int64_t{4});
  const int64_t spaces = width.integer().value_or(0);
  if (spaces > 10'000) refuse("indent: 'width' is too large");
  const std::string by = width.string() != nullptr
                             ? *width.string()
                             : std::string(static_cast<size_t>(std::max<int64_t>(spaces, 0)), ' ');
  const bool blank = p.truth_or("blank", false);
  const std::vector<std::string> lines = split_lines(to_string(x) + "\n", false);
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    if (i == 0 ? p.truth_or("first", false) : blank || !lines[i].empty()) out += by;
    out += lines[i];
    interpreter.produced(out.size());
  }
  return out;
}

Value title(Interpreter&, const Value& x, const Arguments& arguments) {
  Parameters("title", arguments, {});
  const std::string text = to_string(x);
  std::string out;
  bool first = true;
  for (size_t i = 0; i < text.size();) {
    const auto c = unicode::decode(text.data() + i);
    const std::string_view character(text.data() + i, c.size);
    const bool separates = is_space(c.value) || c.value == '-' || c.value == '(' ||
                           c.value == '{' || c.value == '[' || c.value == '<';
    out += separates ? std::string(character) : first ? upper(character) : lower(character);
    first = separates;
    i += c.size;
  }
  return out;
}

Value truncate(Interpreter&, const Value& x, const Arguments& arguments) {
  const Parameters p("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const std::string text = to_string(x), end = p.string_or("end", "...");
  constexpr int64_t kLongest = int64_t{1} << 40;
  const int64_t most = std::clamp<int64_t>(p.integer_or("length", 255), -1, kLongest);
  const int64_t leeway = std::clamp<int64_t>(p.integer_or("leeway", 5), -kLongest, kLongest);
  const int64_t kept = most - characters(end);
  if (kept < 0) refuse("truncate: 'length' is shorter than 'end'");
  if (characters(text) <= most + leeway) return text;
  const Value to(kept);
  std::string start = *slice(Value(text), nullptr, &to, nullptr).string();
  if (!p.truth_or("killwords", false)) start = start.substr(0, start.rfind(' '));
  return start + end;
}

Value escaped(Interpreter&, const Value& x, const Arguments& arguments) {
  Parameters("escape", arguments, {});
  std::string out;
  for (char c : to_string(x)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Value wordcount(Interpreter&, const Value& x, const Arguments& arguments) {
  Parameters("wordcount", arguments, {});
  const std::string text = to_string(x);
  int64_t count = 0;
  bool inside = false;
  for (size_t i = 0; i < text.size();) {
    const auto c = unicode::decode(text.data() + i);
    const bool word = is_letter(c.value) || is_digit(c.value) || c.value == '_';
    count += word && !inside;
    inside = word;
    i += c.size;
  }
  return count;
}

Value json(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  if (p.truth_or("ensure_ascii", false)) refuse("tojson: 'ensure_ascii' is not supported");
  style.sort_keys = p.truth_or("sort_keys", false);
  if (const Value* by = p.find("indent"); by != nullptr && !by->is_none()) {
    const int64_t spaces = by->integer().value_or(0);
    if (spaces > 1000) refuse("tojson: 'indent' is too large");
    style.indent = by->string() != nullptr
                       ? *by->string()
                       : std::string(static_cast<size_t>(std::max<int64_t>(spaces, 0)), ' ');
  }
  if (const Value* both = p.find("separators"); both != nullptr && !both->is_none()) {
    const List parts = items_of(*both);
    if (parts.size() != 2) refuse("tojson: 'separators' are two strings");
    style.item_separator = string_of(parts[0], "a separator");
    style.key_separator = string_of(parts[1], "a separator");
  }
  std::string text = to_json(defined(x), style);
  interpreter.produced(text.size());
  interpreter.step(static_cast<int64_t>(text.size() / 4));
  return text;
}

}  // namespace graft::jinja::filters
