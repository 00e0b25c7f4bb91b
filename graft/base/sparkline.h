#pragma once

#include <span>
#include <string>

namespace graft {

/// A curve of a line's height, "▇▅▃▂▁", drawn with Unicode's eight block elements from the smallest
/// to the largest value; equal values (to 1e-9) stand in the middle. Where there are more values
/// than `width` columns, each column shows the mean of its share of them; where there are fewer,
/// each has one column. NaN and infinity are gaps: a column without another value is a space.
std::string sparkline(std::span<const double> values, int width);

}  // namespace graft
