#include "graft/unicode/code_point_set.h"

#include <algorithm>
#include <iterator>

#include "graft/unicode/tables.h"

namespace graft::unicode {
namespace {

constexpr uint32_t kLast = 0x10FFFF;

// The code points whose properties fulfil a condition.
template <class Condition>
CodePointSet having(Condition condition) {
  std::vector<CodePointRange> ranges;
  for (size_t i = 0; i < kPropertyRangeCount; ++i) {
    if (!condition(Properties{kPropertyRanges[i].bits})) continue;
    uint32_t last = i + 1 < kPropertyRangeCount ? kPropertyRanges[i + 1].first - 1 : kLast;
    ranges.push_back({kPropertyRanges[i].first, last});
  }
  return CodePointSet(std::move(ranges));
}

}  // namespace

CodePointSet::CodePointSet(std::vector<CodePointRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const CodePointRange& range : ranges) {
    if (!ranges_.empty() && range.first <= ranges_.back().last + 1) {
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    } else {
      ranges_.push_back(range);
    }
  }
}

CodePointSet CodePointSet::of(CategorySet categories) {
  return having([&](Properties p) { return p.in(categories); });
}

CodePointSet CodePointSet::of(Flag flag) {
  return having([&](Properties p) { return p.has(flag); });
}

bool CodePointSet::contains(uint32_t code_point) const {
  auto behind = std::upper_bound(ranges_.begin(), ranges_.end(), code_point,
                                 [](uint32_t c, const auto& range) { return c < range.first; });
  return behind != ranges_.begin() && code_point <= std::prev(behind)->last;
}

CodePointSet CodePointSet::complement() const {
  CodePointSet result;
  uint32_t next = 0;
  for (const CodePointRange& range : ranges_) {
    if (range.first > next) result.ranges_.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLast) result.ranges_.push_back({next, kLast});
  return result;
}

CodePointSet CodePointSet::united(const CodePointSet& other) const {
  std::vector<CodePointRange> ranges = ranges_;
  ranges.insert(ranges.end(), other.ranges_.begin(), other.ranges_.end());
  return CodePointSet(std::move(ranges));
}

CodePointSet CodePointSet::intersected(const CodePointSet& other) const {
  CodePointSet result;
  auto a = ranges_.begin();
  auto b = other.ranges_.begin();
  while (a != ranges_.end() && b != other.ranges_.end()) {
    uint32_t first = std::max(a->first, b->first);
    uint32_t last = std::min(a->last, b->last);
    if (first <= last) result.ranges_.push_back({first, last});
    if (a->last < b->last) {
      ++a;
    } else {
      ++b;
    }
  }
  return result;
}

}  // namespace graft::unicode
