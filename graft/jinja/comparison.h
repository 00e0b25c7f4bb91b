#pragma once

#include "graft/jinja/value.h"

namespace graft::jinja {

/// As x == y in Python.
bool equal(const Value& x, const Value& y);

/// Below zero, zero or above, for what Python can order; throws for other types.
int compare(const Value& x, const Value& y);

}  // namespace graft::jinja
