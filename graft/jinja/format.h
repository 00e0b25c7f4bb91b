#pragma once

#include <string>

#include "graft/jinja/value.h"

namespace graft::jinja {

/// `format % arguments`, as Python's printf-style formatting of strings.
std::string format_text(const std::string& format, const Value& arguments);

}  // namespace graft::jinja
