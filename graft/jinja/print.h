#pragma once

#include <string>

#include "graft/jinja/value.h"

namespace graft::jinja {

/// As Python's str(x) and repr(x). Throw where nesting goes too deep.
std::string to_string(const Value& x);
std::string to_repr(const Value& x);

/// As Python's repr of a float: the shortest digits that give the number back.
std::string real_text(double x);

}  // namespace graft::jinja
