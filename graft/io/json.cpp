#include "graft/io/json.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/strange_file.h"
#include "graft/io/json_scan.h"
#include "graft/io/plain_json.h"

namespace graft::io {
namespace {

// Numbers that Python's json has and JSON has not stand in the parser's text as strings that begin
// with this.
constexpr std::string_view kNumber = "\x01graft number ";
constexpr std::string_view kNumberEscaped = "\\u0001graft number ";

std::string_view number_at(std::string_view text) {
  const size_t end = std::min(text.find_first_not_of("+-.0123456789eE"), text.size());
  return text.substr(0, end);
}

// The text with NaN, Infinity, -Infinity and numbers too large for a double as such strings;
// nothing if there are none.
std::optional<std::string> without_python_numbers(std::string_view text) {
  std::string result;
  bool in_string = false, found = false;
  while (!text.empty()) {
    size_t taken = 1;
    std::string_view number;
    if (in_string) {
      if (text.front() == '\\' && text.size() > 1) taken = 2;
      in_string = text.front() != '"';
    } else if (text.front() == '"') {
      in_string = true;
    } else {
      for (const std::string_view name : {"NaN", "Infinity", "-Infinity"}) {
        if (text.starts_with(name)) number = name;
      }
      if (number.empty() && (text.front() == '-' || (text.front() >= '0' && text.front() <= '9'))) {
        const std::string_view digits = number_at(text);
        taken = digits.size();
        const double value = std::strtod(std::string(digits).c_str(), nullptr);
        if (std::isinf(value)) number = value > 0 ? "Infinity" : "-Infinity";
      } else if (!number.empty()) {
        taken = number.size();
      }
    }
    if (number.empty()) {
      result += text.substr(0, taken);
    } else {
      result += fmt::format("\"{}{}\"", kNumberEscaped, number);
      found = true;
    }
    text.remove_prefix(taken);
  }
  if (!found) return std::nullopt;
  return result;
}

// False if one of them is a key, which Python refuses.
template <class Json>
bool restore_numbers(Json& value) {
  if (value.is_structured()) {
    for (auto& [key, element] : value.items()) {
      if (key.starts_with(kNumber) || !restore_numbers(element)) return false;
    }
  } else if (value.is_string()) {
    std::string_view text = value.template get_ref<const std::string&>();
    if (!text.starts_with(kNumber)) return true;
    text.remove_prefix(kNumber.size());
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    value = text == "NaN"        ? std::numeric_limits<double>::quiet_NaN()
            : text == "Infinity" ? kInfinity
                                 : -kInfinity;
  }
  return true;
}

// The other way round, for writing.
void mark_numbers(ordered_json& value) {
  if (value.is_structured()) {
    for (auto& element : value) mark_numbers(element);
  } else if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    const double number = value.get<double>();
    const char* name = std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
    value = std::string(kNumber) + name;
  }
}

// Where the parser stopped: not in its own words, which hold a piece of the text.
template <class Json>
[[noreturn]] void fail_at(std::string_view text, const std::string& what,
                          const typename Json::exception& error) {
  size_t at = text.size() + 1;
  if (const auto* parse = dynamic_cast<const typename Json::parse_error*>(&error)) {
    at = parse->byte;  // from 1
  }
  const bool utf8 = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
  std::string why = what_it_is(text);
  if (why.empty() && at > text.size()) why = ": it ends too early";
  fail("{}: not valid {} at byte {}{}", what, utf8 && why.empty() ? "UTF-8" : "JSON",
       std::min(at, text.size()), why);
}

// The parser's own callback would do, but takes quadratic time over arrays of objects.
void check_limits(std::string_view text, const std::string& what, const JsonLimits& limits) {
  std::vector<int64_t> keys(1);  // of the objects and arrays that are open
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      i = end_of_string(text, i);  // npos ends the loop
      continue;
    }
    if (c == '{' || c == '[') {
      if (std::ssize(keys) > limits.depth) {
        fail("{}: JSON nested deeper than {} levels", what, limits.depth);
      }
      keys.push_back(0);
    } else if ((c == '}' || c == ']') && keys.size() > 1) {
      keys.pop_back();
    } else if (c == ':' && ++keys.back() > limits.keys) {
      fail("{}: a JSON object with more than {} keys", what, limits.keys);
    }
    ++i;
  }
}

// Watches the keys of a text as it is parsed; the values are of no interest.
class KeyWatcher : public json::json_sax_t {
 public:
  explicit KeyWatcher(const std::string& what) : what_(what) {}

  bool start_object(size_t) override {
    keys_.emplace_back();
    return true;
  }
  bool end_object() override {
    keys_.pop_back();
    return true;
  }
  bool key(std::string& key) override {
    if (!keys_.back().insert(key).second)
      fail("{}: the key {} appears twice", what_, in_quotes(key));
    return true;
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(json::binary_t&) override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t, const std::string&, const json::exception&) override {
    return false;  // the parser says it better
  }

 private:
  const std::string& what_;
  std::vector<std::set<std::string>> keys_;
};

template <class Json>
Json parse(std::string_view text, const std::string& what, const JsonLimits& limits) {
  check_limits(text, what, limits);
  // The parser takes a zero for the end of the text.
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    fail("{}: not valid JSON at byte {}{}", what, zero + 1, what_it_is(text));
  }
  const auto attempt = [&](std::string_view json_text) {
    if (limits.refuse_duplicates) {
      KeyWatcher watcher(what);
      json::sax_parse(json_text, &watcher);
    }
    return Json::parse(json_text);
  };
  try {
    return attempt(text);
  } catch (const typename Json::exception& error) {
    const auto changed = without_python_numbers(text);
    if (!changed) fail_at<Json>(text, what, error);
    try {
      Json value = attempt(*changed);
      if (restore_numbers(value)) return value;
    } catch (const typename Json::exception&) {
    }
    fail_at<Json>(text, what, error);
  }
}

template <class Json>
Json read_object(const fs::path& path) {
  Json value = parse<Json>(read_text(path), path.string(), {});
  if (!value.is_object()) {
    fail("{}: expected a JSON object, found {}", path.string(), value.type_name());
  }
  return value;
}

}  // namespace

json parse_json(std::string_view text, const std::string& what, const JsonLimits& limits) {
  return parse<json>(text, what, limits);
}

ordered_json parse_ordered_json(std::string_view text, const std::string& what,
                                const JsonLimits& limits) {
  if (!limits.refuse_duplicates) {
    if (auto plain = parse_plain_json(text, limits.depth)) return std::move(*plain);
  }
  return parse<ordered_json>(text, what, limits);
}

json read_json_object(const fs::path& path) { return read_object<json>(path); }

ordered_json read_ordered_json_object(const fs::path& path) {
  return read_object<ordered_json>(path);
}

std::string text_at(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kMost = 200;
  std::string shown =
      json(text.substr(0, kMost)).dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() > kMost ? shown + "..." : shown;
}

std::string python_json(const ordered_json& value) {
  ordered_json marked = value;
  mark_numbers(marked);
  std::string text = marked.dump(4, ' ', true);
  const std::string begin = fmt::format("\"{}", kNumberEscaped);
  for (size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at)) {
    text.erase(text.find('"', at + 1), 1);
    text.erase(at, begin.size());
  }
  return text;
}

}  // namespace graft::io
