#pragma once

#include <cstddef>
#include <cstdint>

namespace graft::unicode {

/// The Unicode version of the table.
extern const char* const kVersion;

/// Bits of `ClassRange::classes`.
enum Class : uint8_t {
  kLetter = 1,          ///< \p{L}
  kNumber = 2,          ///< \p{N}
  kSpace = 4,           ///< \s
  kWord = 8,            ///< \w
  kNotNormalized = 16,  ///< newer than the normalizer: left as it is, composes with nothing
};

/// Code points `first` to `last` (both included) with the same classes.
struct ClassRange {
  uint32_t first, last;
  uint8_t classes;
};

/// Ascending, disjoint; a code point in no range has no class.
extern const ClassRange kClassRanges[];
extern const size_t kClassRangeCount;

}  // namespace graft::unicode
