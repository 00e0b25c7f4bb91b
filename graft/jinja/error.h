#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "graft/base/error.h"

namespace graft::jinja {

/// A template that cannot be read or run. The line and the column count from 1; a column of 0 is
/// not known.
class TemplateError : public Error {
 public:
  explicit TemplateError(const std::string& message) : Error(message) {}
};

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw TemplateError(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace graft::jinja
