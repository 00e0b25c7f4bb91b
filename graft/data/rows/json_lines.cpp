#include "graft/data/rows/json_lines.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "graft/data/rows/json_row.h"

namespace graft::data {
namespace {

// The next of one character in a window, which is searched for it once.
class NextOf {
 public:
  explicit NextOf(char character) : character_(character) {}

  /// Its place in what is in memory, or the size of that.
  size_t in(const Window& window) {
    const std::string_view rest = window.rest();
    if (!found_ || at_ < window.offset()) {
      const size_t from = at_ > window.offset() ? at_ - window.offset() : 0;
      const void* place = std::memchr(rest.data() + from, character_, rest.size() - from);
      found_ = place != nullptr;
      const auto index = static_cast<const char*>(place) - rest.data();
      at_ = window.offset() + (found_ ? static_cast<size_t>(index) : rest.size());
    }
    return at_ - window.offset();
  }

 private:
  char character_;
  bool found_ = false;
  uint64_t at_ = 0;  // in the source: the character, or where to search on
};

class JsonLines : public RowReader {
 public:
  explicit JsonLines(Window window) : window_(std::move(window)) {}

  bool next(RawRow& row) override {
    for (;;) {
      size_t end = 0;
      do {
        skip_lf();
        end = std::min(lf_.in(window_), cr_.in(window_));
      } while (end == window_.rest().size() && window_.more(line_ + 1));
      const std::string_view rest = window_.rest();
      if (rest.empty()) return false;
      ++line_;
      const std::string_view line = rest.substr(0, end);
      const bool blank = line.find_first_not_of(" \t") == std::string_view::npos;
      if (!blank) {
        row.text.assign(line);
        row.line = line_;
      }
      after_cr_ = end < rest.size() && rest[end] == '\r';
      window_.skip(std::min(end + 1, rest.size()));
      if (!blank) return true;
    }
  }

  ordered_json parse(const RawRow& row) const override {
    return parse_json_row(row, window_.name());
  }

  double done() const override { return window_.done(); }

 private:
  // That of a CR LF, whose CR has ended a line.
  void skip_lf() {
    if (!after_cr_ || window_.rest().empty()) return;
    after_cr_ = false;
    if (window_.rest().front() == '\n') window_.skip(1);
  }

  Window window_;
  NextOf lf_{'\n'}, cr_{'\r'};
  bool after_cr_ = false;
  int64_t line_ = 0;
};

}  // namespace

std::unique_ptr<RowReader> json_lines(Window window) {
  return std::make_unique<JsonLines>(std::move(window));
}

}  // namespace graft::data
