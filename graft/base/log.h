#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace graft {

/// Writes one line to standard error, at once. What a person should know but need not act on.
void note_line(std::string_view line);

/// Writes "warning: " and the line to standard error, at once.
void warn_line(std::string_view line);

template <class... Args>
void note(fmt::format_string<Args...> format, Args&&... args) {
  note_line(fmt::format(format, std::forward<Args>(args)...));
}

template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  warn_line(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace graft
