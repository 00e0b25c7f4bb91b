#pragma once

#include <cstdint>
#include <vector>

namespace graft::data {

/// A record as a model sees it: tokens, and the weight of each as a target.
struct Example {
  std::vector<int32_t> ids;         // at least 2
  std::vector<float> weights = {};  // of each; empty: all 1. The first is never predicted
  int64_t line = 0;                 // source line (row, over all files), from 1
};

}  // namespace graft::data
