#include "graft/base/terminal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "graft/base/printable.h"

namespace graft {
namespace {

bool can_redraw(int descriptor) {
  const char* kind = std::getenv("TERM");
  return ::isatty(descriptor) != 0 && (kind == nullptr || std::string_view(kind) != "dumb");
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

int live_line_width() { return std::max(terminal_width() - 3, 1); }

void LiveLine::show(const std::vector<std::string>& lines) {
  if (!stderr_is_terminal()) return;
  clear();
  const auto width = static_cast<size_t>(live_line_width());
  std::string text;
  for (const std::string& line : lines) {
    if (shown_++ > 0) text += '\n';
    text += printable(line).substr(0, width);
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
  constexpr int kWidest = 20, kNarrowest = 4, kAround = 3;  // brackets and a space
  std::string text = fmt::format("{}", fmt::join(fields, "  "));
  while (fields.size() > 1 && static_cast<int>(text.size()) > columns) {
    fields.pop_back();
    text = fmt::format("{}", fmt::join(fields, "  "));
  }
  int width = std::min(kWidest, columns - static_cast<int>(text.size()) - kAround);
  return width < kNarrowest ? text : progress_bar(share, width) + " " + text;
}

std::string duration_text(double seconds) {
  auto whole = static_cast<int64_t>(std::ceil(std::max(seconds, 0.0)));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

}  // namespace graft
