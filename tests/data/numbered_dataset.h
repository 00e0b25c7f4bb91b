#pragma once

#include "graft/data/dataset.h"

namespace graft::data {

/// Examples of three tokens each, all different.
inline Dataset numbered(size_t count) {
  Dataset set;
  for (size_t i = 0; i < count; ++i) {
    int32_t first = static_cast<int32_t>(10 * i);
    set.examples.push_back(
        {.ids = {first, first + 1, first + 2}, .line = static_cast<int64_t>(i) + 1});
  }
  return set;
}

}  // namespace graft::data
