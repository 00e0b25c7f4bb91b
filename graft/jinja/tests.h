#pragma once

#include <string_view>

#include "graft/jinja/expressions.h"

namespace graft::jinja {

/// A test (`x is name`) by its name, or null.
TestFunction find_test(std::string_view name);

}  // namespace graft::jinja
