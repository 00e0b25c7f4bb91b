#include "graft/jinja/methods.h"

#include <algorithm>
#include <set>

#include "graft/jinja/interpreter.h"
#include "graft/jinja/operations.h"
#include "graft/jinja/print.h"
#include "graft/jinja/text.h"
#include "graft/unicode/unicode.h"

namespace graft::jinja {
namespace {

using Names = std::set<std::string_view>;

const Names kStringMethods = {
    "capitalize",   "casefold",    "center",    "count",      "encode",       "endswith",
    "expandtabs",   "find",        "format",    "format_map", "index",        "isalnum",
    "isalpha",      "isascii",     "isdecimal", "isdigit",    "isidentifier", "islower",
    "isnumeric",    "isprintable", "isspace",   "istitle",    "isupper",      "join",
    "ljust",        "lower",       "lstrip",    "maketrans",  "partition",    "removeprefix",
    "removesuffix", "replace",     "rfind",     "rindex",     "rjust",        "rpartition",
    "rsplit",       "rstrip",      "split",     "splitlines", "startswith",   "strip",
    "swapcase",     "title",       "translate", "upper",      "zfill"};
const Names kListMethods = {"append", "clear", "copy",   "count",   "extend", "index",
                            "insert", "pop",   "remove", "reverse", "sort"};
const Names kTupleMethods = {"count", "index"};
const Names kDictMethods = {"clear", "copy",    "fromkeys",   "get",    "items", "keys",
                            "pop",   "popitem", "setdefault", "update", "values"};
const Names kNoMethods = {};

const Names& methods_of(const Value& x) {
  if (x.string() != nullptr) return kStringMethods;
  if (x.list() != nullptr) return x.is_tuple() ? kTupleMethods : kListMethods;
  if (x.dict() != nullptr) return kDictMethods;
  return kNoMethods;
}

List values_of(const std::vector<std::string>& texts) { return List(texts.begin(), texts.end()); }

const std::string* string_or_none(const Parameters& p, std::string_view name) {
  const Value* x = p.find(name);
  if (x == nullptr || x->is_none()) return nullptr;
  return &p.string(name);
}

// Whether one of the prefixes (or suffixes), a string or a tuple of them, fits.
template <class Fits>
bool any_fits(const Value& affixes, std::string_view method, Fits&& fits) {
  if (affixes.list() == nullptr || !affixes.is_tuple()) {
    return fits(string_of(affixes, fmt::format("the argument of {}", method)));
  }
  return std::any_of(affixes.list()->begin(), affixes.list()->end(), [&](const Value& affix) {
    return fits(string_of(affix, fmt::format("an argument of {}", method)));
  });
}

// The part of a text that str.find and similar methods look at, and the characters before it.
struct Part {
  std::string text;
  int64_t before;
};
Part part_of(const std::string& text, const Parameters& p) {
  if (p.find("start") == nullptr && p.find("end") == nullptr) return {text, 0};
  const Value* start = p.find("start");
  const Value part = slice(Value(text), start, p.find("end"), nullptr);
  const Value rest = slice(Value(text), start, nullptr, nullptr);
  return {*part.string(), characters(text) - characters(*rest.string())};
}

template <class Accept>
bool all_characters(const std::string& text, Accept&& accept) {
  for (size_t i = 0; i < text.size();) {
    const auto c = unicode::decode(text.data() + i);
    if (!accept(c.value)) return false;
    i += c.size;
  }
  return !text.empty();
}

// A letter after anything but a letter is upper, all others lower.
std::string titled(const std::string& text) {
  std::string out;
  bool after_letter = false;
  for (size_t i = 0; i < text.size();) {
    const auto c = unicode::decode(text.data() + i);
    const std::string_view character(text.data() + i, c.size);
    out += after_letter ? lower(character) : upper(character);
    after_letter = upper(character) != lower(character);
    i += c.size;
  }
  return out;
}

std::string padded(Interpreter& interpreter, const std::string& text, std::string_view method,
                   const Parameters& p) {
  const int64_t width = std::max<int64_t>(p.integer_or("width", 0), 0);
  interpreter.produced(static_cast<size_t>(width));
  const std::string fill = p.string_or("fillchar", " ");
  if (characters(fill) != 1) refuse("{}: the fill character must be one character", method);
  const int64_t missing = width - characters(text);
  if (missing <= 0) return text;
  interpreter.produced(static_cast<size_t>(missing) * fill.size());
  const int64_t left = method == "ljust"   ? 0
                       : method == "rjust" ? missing
                                           : missing / 2 + (missing & width & 1);
  std::string out;
  for (int64_t i = 0; i < left; ++i) out += fill;
  out += text;
  for (int64_t i = left; i < missing; ++i) out += fill;
  return out;
}

// '{} {name} {0}'.format(...), without format specifications.
std::string formatted(Interpreter& interpreter, const std::string& format,
                      const Arguments& arguments) {
  std::string out;
  size_t automatic = 0;
  for (size_t i = 0; i < format.size(); ++i) {
    const char c = format[i];
    if ((c == '{' || c == '}') && i + 1 < format.size() && format[i + 1] == c) {
      out += c;
      ++i;
      continue;
    }
    if (c == '}') refuse("format: single '}}' in a format string");
    if (c != '{') {
      out += c;
      continue;
    }
    const size_t close = format.find('}', i);
    if (close == format.npos) refuse("format: single '{{' in a format string");
    const std::string field = format.substr(i + 1, close - i - 1);
    if (field.find_first_of(":!.[") != field.npos) {
      refuse("format: '{{{}}}' is not supported: only names and numbers are", field);
    }
    i = close;
    const Value* value = nullptr;
    if (field.empty() ||
        std::all_of(field.begin(), field.end(), [](char d) { return d >= '0' && d <= '9'; })) {
      const size_t index = field.empty()      ? automatic++
                           : field.size() > 6 ? arguments.positional.size()
                                              : std::stoul(field);
      if (index < arguments.positional.size()) value = &arguments.positional[index];
    } else {
      for (const auto& [name, argument] : arguments.named) {
        if (name == field) value = &argument;
      }
    }
    if (value == nullptr) refuse("format: no argument for '{{{}}}'", field);
    out += to_string(*value);
    interpreter.produced(out.size());
  }
  return out;
}

Value call_string(Interpreter& interpreter, const std::string& text, std::string_view name,
                  const Arguments& arguments) {
  const auto parameters = [&](std::vector<std::string_view> names) {
    return Parameters(name, arguments, std::move(names));
  };
  interpreter.step(static_cast<int64_t>(text.size() / 16));
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    const Parameters p = parameters({"chars"});
    const std::string* chars = string_or_none(p, "chars");
    if (chars != nullptr) interpreter.charge_search(text, *chars);
    return stripped(text, chars, name != "rstrip", name != "lstrip");
  }
  if (name == "split" || name == "rsplit") {
    const Parameters p = parameters({"sep", "maxsplit"});
    const std::string* separator = string_or_none(p, "sep");
    if (separator != nullptr && separator->empty()) refuse("{}: empty separator", name);
    if (separator != nullptr) interpreter.charge_search(text, *separator);
    const int64_t most = p.integer_or("maxsplit", -1);
    return values_of(name == "split" ? split(text, separator, most)
                                     : split_from_end(text, separator, most));
  }
  if (name == "splitlines") {
    return values_of(split_lines(text, parameters({"keepends"}).truth_or("keepends", false)));
  }
  if (name == "startswith" || name == "endswith") {
    const Parameters p = parameters({"prefix", "start", "end"});
    const std::string part = part_of(text, p).text;
    return any_fits(p.at("prefix"), name, [&](const std::string& affix) {
      return name == "startswith" ? part.starts_with(affix) : part.ends_with(affix);
    });
  }
  if (name == "replace") {
    const Parameters p = parameters({"old", "new", "count"});
    interpreter.charge_search(text, p.string("old"));
    return replaced(text, p.string("old"), p.string("new"), p.integer_or("count", -1));
  }
  if (name == "find" || name == "rfind" || name == "index" || name == "rindex") {
    const Parameters p = parameters({"sub", "start", "end"});
    const Part part = part_of(text, p);
    const std::string& sub = p.string("sub");
    interpreter.charge_search(part.text, sub);
    const size_t at = name[0] == 'r' ? part.text.rfind(sub) : part.text.find(sub);
    if (at == std::string::npos) {
      if (name.ends_with("index")) refuse("substring not found");
      return int64_t{-1};
    }
    return part.before + characters(std::string_view(part.text).substr(0, at));
  }
  if (name == "count") {
    const Parameters p = parameters({"sub", "start", "end"});
    const std::string& sub = p.string("sub");
    const std::string part = part_of(text, p).text;
    if (sub.empty()) return characters(part) + 1;
    interpreter.charge_search(part, sub);
    int64_t count = 0;
    for (size_t at = part.find(sub); at != part.npos; at = part.find(sub, at + sub.size())) ++count;
    return count;
  }
  if (name == "join") {
    const Parameters p = parameters({"iterable"});
    std::string out;
    bool first = true;
    for (const Value& item : interpreter.items(p.at("iterable"))) {
      if (!std::exchange(first, false)) out += text;
      out += string_of(item, "an item to join");
      interpreter.produced(out.size());
    }
    return out;
  }
  if (name == "format") return formatted(interpreter, text, arguments);
  if (name == "center" || name == "ljust" || name == "rjust") {
    return padded(interpreter, text, name, parameters({"width", "fillchar"}));
  }
  if (name == "zfill") {
    const int64_t width = std::max<int64_t>(parameters({"width"}).integer_or("width", 0), 0);
    interpreter.produced(static_cast<size_t>(width));
    const int64_t missing = std::max<int64_t>(width - characters(text), 0);
    const size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    return text.substr(0, sign) + std::string(static_cast<size_t>(missing), '0') +
           text.substr(sign);
  }
  if (name == "removeprefix") {
    const Parameters p = parameters({"prefix"});
    const std::string& prefix = p.string("prefix");
    return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
  }
  if (name == "removesuffix") {
    const Parameters p = parameters({"suffix"});
    const std::string& suffix = p.string("suffix");
    return text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : text;
  }
  if (name == "partition" || name == "rpartition") {
    const Parameters p = parameters({"sep"});
    const std::string& sep = p.string("sep");
    if (sep.empty()) refuse("{}: empty separator", name);
    interpreter.charge_search(text, sep);
    const size_t at = name == "partition" ? text.find(sep) : text.rfind(sep);
    if (at == text.npos) {
      return name == "partition" ? Value::tuple({text, "", ""}) : Value::tuple({"", "", text});
    }
    return Value::tuple({text.substr(0, at), sep, text.substr(at + sep.size())});
  }
  // The others take no arguments.
  if (name == "casefold" || name == "encode" || name == "expandtabs" || name == "format_map" ||
      name == "isidentifier" || name == "isprintable" || name == "istitle" || name == "maketrans" ||
      name == "translate" || name == "swapcase") {
    refuse("the method {} of strings is not supported", name);
  }
  parameters({});
  if (name == "upper") return upper(text);
  if (name == "lower") return lower(text);
  if (name == "capitalize") return capitalized(text);
  if (name == "title") return titled(text);
  if (name == "isspace") return all_characters(text, is_space);
  if (name == "isalpha") return all_characters(text, is_letter);
  if (name == "isdigit" || name == "isdecimal" || name == "isnumeric") {
    return all_characters(text, is_digit);
  }
  if (name == "isalnum") {
    return all_characters(text, [](uint32_t c) { return is_letter(c) || is_digit(c); });
  }
  if (name == "isascii") {
    return text.empty() || all_characters(text, [](uint32_t c) { return c < 0x80; });
  }
  const bool has_case = upper(text) != lower(text);
  return has_case && text == (name == "isupper" ? upper(text) : lower(text));
}

Value call_dict(const Value& x, const Dict& dict, std::string_view name,
                const Arguments& arguments) {
  if (name == "get") {
    const Parameters p("get", arguments, {"key", "default"});
    const Value* value = dict.find(p.at("key"));
    return value != nullptr ? *value : p.value_or("default", Value());
  }
  Parameters(name, arguments, {});
  if (name == "copy") return x;
  List out;
  for (const auto& [key, value] : dict.items()) {
    out.push_back(name == "keys" ? key : name == "values" ? value : Value::tuple({key, value}));
  }
  return out;
}

Value call_list(Interpreter& interpreter, const Value& x, std::string_view name,
                const Arguments& arguments) {
  const List& items = *x.list();
  if (name == "copy") {
    Parameters(name, arguments, {});
    return x;
  }
  const Parameters p(name, arguments, {"value"});
  const Value& wanted = p.at("value");
  const auto is_wanted = [&](const Value& item) { return interpreter.equal(item, wanted); };
  if (name == "count") {
    return static_cast<int64_t>(std::count_if(items.begin(), items.end(), is_wanted));
  }
  const auto at = std::find_if(items.begin(), items.end(), is_wanted);
  if (at == items.end()) refuse("{} is not in the list", to_repr(wanted));
  return static_cast<int64_t>(at - items.begin());
}

}  // namespace

bool has_method(const Value& x, std::string_view name) { return methods_of(x).count(name) > 0; }

Value call_method(Interpreter& interpreter, const Value& x, std::string_view name,
                  const Arguments& arguments) {
  static const Names kChanging = {"append",   "clear",   "extend",     "insert",
                                  "pop",      "remove",  "reverse",    "sort",
                                  "fromkeys", "popitem", "setdefault", "update"};
  if (x.string() != nullptr) return call_string(interpreter, *x.string(), name, arguments);
  if (kChanging.count(name) > 0) {
    refuse("access to attribute '{}' of '{}' object is unsafe", name, type_name(x));
  }
  if (x.dict() != nullptr) return call_dict(x, *x.dict(), name, arguments);
  return call_list(interpreter, x, name, arguments);
}

}  // namespace graft::jinja
