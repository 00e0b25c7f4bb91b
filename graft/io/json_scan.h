#pragma once

#include <cstddef>
#include <string_view>

namespace graft::io {

/// Where the JSON string ends whose opening quote is at `begin`: behind the closing one. npos if
/// there is none.
size_t end_of_string(std::string_view text, size_t begin);

/// Where the JSON value ends that `text` begins with: behind it, found by its quotes and brackets
/// alone. npos if the text ends before, as it may inside a number.
size_t end_of_value(std::string_view text);

}  // namespace graft::io
