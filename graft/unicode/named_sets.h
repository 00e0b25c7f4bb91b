#pragma once

#include <cstddef>
#include <cstdint>

namespace graft::unicode {

/// Code points, both ends included.
struct CodePointRange {
  uint32_t first, last;
};

/// A property of regular expressions that is not a general category: a script, or one such as
/// Alphabetic.
struct NamedSet {
  const char* name;              ///< in small letters, without underscores
  const CodePointRange* ranges;  ///< ascending, disjoint
  size_t count;
};

extern const NamedSet kNamedSets[];
extern const size_t kNamedSetCount;

}  // namespace graft::unicode
