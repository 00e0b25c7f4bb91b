#pragma once

#include <optional>
#include <string_view>

namespace graft::evaluation {

/// The last number in a text: digits with an optional sign (-, + or U+2212, not right behind a
/// letter or digit), decimal point and exponent, with or without commas between groups of three
/// digits. 1,234.5 is one number, 1, 2 are two, 3-4 are 3 and 4. None for numbers that a double
/// does not hold.
std::optional<double> last_number(std::string_view text);

/// The number that all of a text is, spaces around it aside: "1,234", also with commas elsewhere.
/// None for what is not finite, such as the name "Nan".
std::optional<double> whole_number(std::string_view text);

/// Whether two numbers are equal within a tolerance of the larger, and at least of 1.
bool close(double a, double b, double tolerance);

}  // namespace graft::evaluation
