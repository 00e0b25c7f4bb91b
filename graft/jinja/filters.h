#pragma once

#include <string_view>

#include "graft/jinja/expressions.h"

namespace graft::jinja {

/// A filter by its name, or null.
FilterFunction find_filter(std::string_view name);

}  // namespace graft::jinja
