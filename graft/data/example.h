#pragma once

#include <cstdint>
#include <vector>

namespace graft::data {

/// A record as a model sees it: tokens, and how much each counts where it is what is predicted.
struct Example {
  std::vector<int32_t> ids;         // at least 2
  std::vector<float> weights = {};  // of each; empty: all 1. The first is never predicted
  int64_t line = 0;                 // that it came from (row, over all files), from 1
};

}  // namespace graft::data
