#include "graft/base/sparkline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace graft {
namespace {

constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

double mean_of_finite(std::span<const double> values) {
  double sum = 0;
  int count = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++count;
  }
  return count > 0 ? sum / count : std::numeric_limits<double>::quiet_NaN();
}

const char* block(double value, double low, double high) {
  if (!std::isfinite(value)) return " ";
  constexpr size_t kHighest = kBlocks.size() - 1;
  // Means of equal values differ by rounding.
  const bool flat = high - low <= 1e-9 * std::max(std::abs(low), std::abs(high));
  if (flat) return kBlocks[kHighest / 2];
  const double share = (value / 2 - low / 2) / (high / 2 - low / 2);  // halves: no overflow
  return kBlocks[static_cast<size_t>(std::lround(share * kHighest))];
}

}  // namespace

std::string sparkline(std::span<const double> values, int width) {
  const size_t columns = std::min(values.size(), static_cast<size_t>(std::max(width, 0)));
  std::vector<double> means;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (size_t i = 0; i < columns; ++i) {
    const size_t begin = i * values.size() / columns, end = (i + 1) * values.size() / columns;
    means.push_back(mean_of_finite(values.subspan(begin, end - begin)));
    if (!std::isfinite(means.back())) continue;
    low = std::min(low, means.back());
    high = std::max(high, means.back());
  }
  std::string line;
  for (const double mean : means) line += block(mean, low, high);
  return line;
}

}  // namespace graft
