#pragma once

#include "graft/jinja/value.h"

namespace graft::jinja {

/// Like x == y in Python. Adds its cost to `work`: values share parts, so that a few of them can
/// make a comparison of any size. Throws if it takes more than kMaxComparisons.
bool equal(const Value& x, const Value& y, int64_t& work);

/// Below zero, zero or above, for what Python can order; throws for other types.
int compare(const Value& x, const Value& y, int64_t& work);

}  // namespace graft::jinja
