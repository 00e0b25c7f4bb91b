#pragma once

#include <cstddef>
#include <string_view>

namespace graft::data {

/// Where the JSON value ends that `text` begins with: behind it, found by its quotes and brackets
/// alone. npos if the text ends before, as it may inside a number.
size_t end_of_value(std::string_view text);

}  // namespace graft::data
