#pragma once

#include <string_view>

namespace graft::testing {

/// For what wants somewhere to report to.
inline void silent(std::string_view) {}

}  // namespace graft::testing
