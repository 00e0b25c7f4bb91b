#pragma once

#include <cstddef>

#include "graft/jinja/error.h"

// Values share parts, so that a few bytes of a template can make a text or a comparison of any
// size.
namespace graft::jinja {

inline void check_nesting(int depth) {
  constexpr int kMost = 200;
  if (depth > kMost) refuse("a value nests deeper than {} levels", kMost);
}

inline void check_size(size_t bytes) {
  constexpr size_t kMost = size_t{64} << 20;
  if (bytes > kMost) refuse("a value takes more than {} bytes", kMost);
}

}  // namespace graft::jinja
