#pragma once

#include <cstddef>
#include <cstdint>

namespace graft::unicode {

/// The Unicode version of the tables.
extern const char* const kVersion;

/// The code points from `first` to the next range's have this byte: a Category and Flags.
struct PropertyRange {
  uint32_t first;
  uint8_t bits;
};

/// Ascending; the first begins at 0.
extern const PropertyRange kPropertyRanges[];
extern const size_t kPropertyRangeCount;

/// Every `step`th code point from `first` to `last` (included) has its lower case at `delta`
/// further on.
struct LowerRange {
  uint32_t first, last;
  uint8_t step;
  int32_t delta;
};

/// Ascending, disjoint.
extern const LowerRange kLowerRanges[];
extern const size_t kLowerRangeCount;

}  // namespace graft::unicode
