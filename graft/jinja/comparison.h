#pragma once

#include "graft/jinja/value.h"

namespace graft::jinja {

/// As x == y in Python. `work` grows by what it took: values share parts, so that few of them can
/// stand for a comparison of any size. Throws where one takes more than kMaxComparisons.
bool equal(const Value& x, const Value& y, int64_t& work);

/// Below zero, zero or above, for what Python can order; throws for other types.
int compare(const Value& x, const Value& y, int64_t& work);

}  // namespace graft::jinja
