#pragma once

#include <cstdint>
#include <vector>

namespace graft::data::check {

/// Lengths from `least` to `most`, and how many there are.
struct LengthRange {
  int64_t least, most, count;
};

/// What there is to say of many lengths.
struct LengthSummary {
  int64_t count = 0, total = 0, longest = 0;
  double mean = 0;
  int64_t median = 0, p95 = 0, p99 = 0;     // the shortest that so many percent do not exceed
  std::vector<LengthRange> histogram = {};  // ranges of powers of two, from the first to the last
};

/// The lengths of a source's examples.
class Lengths {
 public:
  void add(int64_t length);
  LengthSummary summary() const;

 private:
  std::vector<uint32_t> all_;  // cut to 32 bits
};

}  // namespace graft::data::check
