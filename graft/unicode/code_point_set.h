#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "graft/unicode/named_sets.h"
#include "graft/unicode/unicode.h"

namespace graft::unicode {

/// A set of code points: ascending ranges, neither touching nor overlapping. Whether it has
/// surrogates is unspecified: no text has them.
class CodePointSet {
 public:
  CodePointSet() = default;
  CodePointSet(uint32_t first, uint32_t last) : ranges_{{first, last}} {}
  /// The ranges may be in any order and overlap.
  explicit CodePointSet(std::vector<CodePointRange> ranges);

  static CodePointSet all() { return {0, 0x10FFFF}; }
  static CodePointSet of(CategorySet categories);
  /// Those with a flag.
  static CodePointSet of(Flag flag);

  const std::vector<CodePointRange>& ranges() const { return ranges_; }
  bool contains(uint32_t code_point) const;
  CodePointSet complement() const;
  CodePointSet united(const CodePointSet& other) const;
  CodePointSet intersected(const CodePointSet& other) const;

 private:
  std::vector<CodePointRange> ranges_;
};

/// The property that regular expressions know by a name, as in \p{Letter}: a general category (Lu,
/// L, Uppercase_Letter, ...), a script, or one such as Alphabetic. Capitals, spaces, underscores
/// and hyphens do not matter.
std::optional<CodePointSet> property_set(std::string_view name);

}  // namespace graft::unicode
