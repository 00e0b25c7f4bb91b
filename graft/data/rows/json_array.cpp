#include "graft/data/rows/json_array.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "graft/base/error.h"
#include "graft/data/rows/json_row.h"
#include "graft/io/json.h"
#include "graft/io/json_scan.h"

namespace graft::data {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// Counts the lines that end in texts, which follow each other: in LF, CR LF or CR.
class LineCounter {
 public:
  void pass(std::string_view text) {
    if (text.empty()) return;
    line_ += std::count(text.begin(), text.end(), '\n');
    const char* const end = text.data() + text.size();
    if (after_cr_ && text.front() == '\n') --line_;
    for (const char* at = text.data();; ++at) {
      at = static_cast<const char*>(std::memchr(at, '\r', static_cast<size_t>(end - at)));
      if (at == nullptr) break;
      if (at + 1 == end || at[1] != '\n') ++line_;
    }
    after_cr_ = text.back() == '\r';
  }
  int64_t line() const { return line_; }

 private:
  int64_t line_ = 1;
  bool after_cr_ = false;
};

class JsonArray : public RowReader {
 public:
  explicit JsonArray(Window window) : window_(std::move(window)) {}

  bool next(RawRow& row) override {
    if (place_ == Place::begin) {
      in_object_ = first() == '{';
      place_ = Place::outside;
      if (in_object_) take(1);
      if (in_object_ ? !find_array('}') : !enter_array()) return false;
    }
    if (place_ == Place::end) return false;
    char c = first();
    if (c == ']' && place_ == Place::at_first) return leave_array();
    if (place_ == Place::behind_element) {
      if (c == ']') return leave_array();
      expect(',', "a comma or ] behind an element of the array");
      c = first();
      if (c == ']') unexpected("an element behind the comma");
    }
    if (c == '\0') unexpected("the rest of the array");
    row.line = lines_.line();
    const size_t size = value_size();
    row.text.assign(window_.rest().substr(0, size));
    take(size);
    place_ = Place::behind_element;
    return true;
  }

  ordered_json parse(const RawRow& row) const override {
    return parse_json_row(row, window_.name());
  }

  double done() const override { return window_.done(); }

 private:
  enum class Place { begin, outside, at_first, behind_element, end };

  // The next character that is no white space, which is taken; 0 at the end.
  char first() {
    for (;;) {
      const std::string_view rest = window_.rest();
      const size_t spaces = std::min(rest.find_first_not_of(kSpace), rest.size());
      const bool found = spaces < rest.size();
      const char c = found ? rest[spaces] : '\0';
      take(spaces);
      if (found || !window_.more(lines_.line())) return c;
    }
  }

  void take(size_t size) {
    lines_.pass(window_.rest().substr(0, size));
    window_.skip(size);
  }

  [[noreturn]] void unexpected(std::string_view expected) {
    const char c = first();
    fail("{}:{}: {} is expected, not {}", window_.name(), lines_.line(), expected,
         window_.rest().empty() ? "the end of the file: is it cut off?"
                                : io::in_quotes(std::string_view(&c, 1)));
  }

  void expect(char c, std::string_view what) {
    if (first() != c) unexpected(what);
    take(1);
  }

  // The bytes of the value that begins here, all of which are in memory then.
  size_t value_size() {
    for (;;) {
      const size_t size = io::end_of_value(window_.rest());
      if (size != std::string_view::npos) return size;
      if (!window_.more(lines_.line())) {
        fail("{}:{}: the file ends inside what begins here: is it cut off?", window_.name(),
             lines_.line());
      }
    }
  }

  bool enter_array() {
    expect('[', "an array");
    place_ = Place::at_first;
    return true;
  }

  bool leave_array() {
    take(1);
    place_ = Place::end;
    if (in_object_) find_array(',');
    if (first() != '\0' || !window_.rest().empty()) unexpected("nothing behind the JSON");
    return false;
  }

  // Goes through members of the object, whose array is entered. `before` is what stands between
  // the last one and here, or } for the first.
  bool find_array(char before) {
    for (bool is_first = before == '}';; is_first = false) {
      if (first() == '}') break;
      if (!is_first) {
        expect(',', "a comma or } behind a member of the object");
      }
      if (first() != '"') unexpected("a key in quotes");
      const size_t size = value_size();
      const std::string key(window_.rest().substr(0, std::min<size_t>(size, 200)));
      take(size);
      expect(':', "a colon behind the key");
      const char c = first();
      if (c == '[' && place_ == Place::end) {
        fail("{}:{}: another array, under {}: of the object's members only one can hold the rows",
             window_.name(), lines_.line(), io::in_quotes(key.substr(1, key.size() - 2)));
      }
      if (c == '[') return enter_array();
      if (c == '\0' || c == ',' || c == '}' || c == ':' || c == ']') unexpected("a value");
      take(value_size());
    }
    take(1);
    if (place_ == Place::end) return false;
    fail(
        "{}: an object none of whose members is an array: rows are objects, in an array or each on "
        "a line",
        window_.name());
  }

  Window window_;
  LineCounter lines_;
  Place place_ = Place::begin;
  bool in_object_ = false;
};

// Members that hold a chat: an object with one of these is a row itself.
constexpr std::string_view kChats[] = {"messages", "conversations", "conversation"};

bool has_rows(const ordered_json& object) {
  if (!object.is_object()) return false;
  const auto is_array = [](const auto& member) { return member.value().is_array(); };
  int64_t arrays = 0, rows = 0;
  for (const auto& member : object.items()) {
    if (!is_array(member)) continue;
    ++arrays;
    const bool chat =
        std::find(std::begin(kChats), std::end(kChats), member.key()) != std::end(kChats);
    if (!chat && !member.value().empty() && member.value().front().is_object()) ++rows;
  }
  return arrays == 1 && rows == 1;
}

}  // namespace

std::unique_ptr<RowReader> json_array(Window window) {
  return std::make_unique<JsonArray>(std::move(window));
}

bool is_object_with_rows(Window& window) {
  constexpr size_t kMost = size_t{16} << 20;
  size_t begin = 0, size = 0;
  do {
    const std::string_view rest = window.rest();
    begin = std::min(rest.find_first_not_of(kSpace), rest.size());
    size = io::end_of_value(rest.substr(begin));
  } while (size == std::string_view::npos && window.rest().size() < kMost && window.more(1));
  if (size == std::string_view::npos) return true;
  const auto behind = [&] { return window.rest().find_first_not_of(kSpace, begin + size); };
  while (behind() == std::string_view::npos && window.rest().size() < kMost && window.more(1)) {
  }
  if (behind() != std::string_view::npos) return false;
  const std::string_view text = window.rest().substr(begin, size);
  if (text.find_first_of("\r\n") != std::string_view::npos) return true;
  try {
    return has_rows(io::parse_ordered_json(text, ""));
  } catch (const Error&) {
    return false;
  }
}

}  // namespace graft::data
