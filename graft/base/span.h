#pragma once

#include <cstddef>

namespace graft {

/// The bytes [begin, end) of a text.
struct Span {
  size_t begin = 0;
  size_t end = 0;

  friend bool operator==(const Span&, const Span&) = default;
};

}  // namespace graft
