#include "graft/data/check/lengths.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace graft::data::check {
namespace {

int64_t percentile(const std::vector<uint32_t>& sorted, double share) {
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

// 0, 1, 2 to 3, 4 to 7, ...
std::vector<LengthRange> histogram_of(const std::vector<uint32_t>& sorted) {
  std::vector<LengthRange> ranges;
  const auto range_of = [](uint32_t length) { return static_cast<int>(std::bit_width(length)); };
  const int first = range_of(sorted.front());
  for (int i = first; i <= range_of(sorted.back()); ++i) {
    const int64_t least = i == 0 ? 0 : int64_t{1} << (i - 1);
    ranges.push_back({least, std::max<int64_t>(2 * least - 1, i == 0 ? 0 : 1), 0});
  }
  for (const uint32_t length : sorted)
    ++ranges[static_cast<size_t>(range_of(length) - first)].count;
  return ranges;
}

}  // namespace

void Lengths::add(int64_t length) {
  constexpr int64_t kMost = std::numeric_limits<uint32_t>::max();
  all_.push_back(static_cast<uint32_t>(std::clamp<int64_t>(length, 0, kMost)));
}

LengthSummary Lengths::summary() const {
  LengthSummary summary;
  if (all_.empty()) return summary;
  std::vector<uint32_t> sorted = all_;
  std::sort(sorted.begin(), sorted.end());
  summary.count = std::ssize(sorted);
  for (const uint32_t length : sorted) summary.total += length;
  summary.mean = static_cast<double>(summary.total) / static_cast<double>(summary.count);
  summary.longest = sorted.back();
  summary.median = percentile(sorted, 0.5);
  summary.p95 = percentile(sorted, 0.95);
  summary.p99 = percentile(sorted, 0.99);
  summary.histogram = histogram_of(sorted);
  return summary;
}

}  // namespace graft::data::check
