#include "graft/base/terminal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "graft/base/printable.h"
#include "graft/base/sparkline.h"

namespace graft {
namespace {

// Whether a byte is not the second or a later one of a UTF-8 character.
bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }

bool can_redraw(int descriptor) {
  const char* kind = std::getenv("TERM");
  return ::isatty(descriptor) != 0 && (kind == nullptr || std::string_view(kind) != "dumb");
}

// Where a UTF-8 text that is longer than so many columns is cut.
std::string_view first_columns(std::string_view text, size_t columns) {
  size_t end = 0;
  for (; end < text.size(); ++end) {
    if (begins_character(text[end]) && columns-- == 0) break;
  }
  return text.substr(0, end);
}

}  // namespace

bool stderr_is_terminal() {
  static const bool is = can_redraw(STDERR_FILENO);
  return is;
}

void write_error(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
  std::clearerr(stderr);
}

int terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

bool stderr_shows_blocks() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  std::string locale;  // of characters, as POSIX finds it
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (locale.empty()) locale = variable(name);
  }
  std::string letters;
  for (const char c : locale) {
    if (c != '-') letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return letters.find("utf8") != std::string::npos && variable("TERM") != "linux";
}

size_t columns_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

int live_line_width() { return std::max(terminal_width() - 3, 1); }

void LiveLine::show(const std::vector<std::string>& lines) {
  if (!stderr_is_terminal()) return;
  clear();
  const auto width = static_cast<size_t>(live_line_width());
  std::string text;
  for (const std::string& line : lines) {
    if (shown_++ > 0) text += '\n';
    text += first_columns(printable(line), width);
  }
  write_error(text);
}

void LiveLine::clear() {
  if (shown_ == 0) return;
  std::string text = "\r\x1b[K";
  for (; shown_ > 1; --shown_) text += "\x1b[A\x1b[K";
  write_error(text);
  shown_ = 0;
}

std::string progress_bar(double share, int width) {
  int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * width);
  std::string bar(static_cast<size_t>(full), '=');
  if (full < width) bar += '>';
  bar.resize(static_cast<size_t>(width), ' ');
  return "[" + bar + "]";
}

std::string progress_line(double share, std::vector<std::string> fields, int columns) {
  return progress_line(share, std::move(fields), {}, columns);
}

std::string progress_line(double share, std::vector<std::string> fields,
                          std::span<const double> curve, int columns) {
  constexpr int kWidest = 20, kNarrowest = 4, kAround = 3;            // brackets and a space
  constexpr int kWidestCurve = 12, kNarrowestCurve = 6, kBefore = 2;  // spaces
  std::string text = fmt::format("{}", fmt::join(fields, "  "));
  const auto room = [&] { return columns - static_cast<int>(columns_of(text)); };
  while (fields.size() > 1 && room() < 0) {
    fields.pop_back();
    text = fmt::format("{}", fmt::join(fields, "  "));
  }
  const int curve_width = std::min(kWidestCurve, room() - kBefore);
  if (!curve.empty() && curve_width >= kNarrowestCurve) {
    text += "  " + sparkline(curve, curve_width);
  }
  const int width = std::min(kWidest, room() - kAround);
  return width < kNarrowest ? text : progress_bar(share, width) + " " + text;
}

std::string duration_text(double seconds) {
  auto whole = static_cast<int64_t>(std::ceil(std::max(seconds, 0.0)));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

}  // namespace graft
