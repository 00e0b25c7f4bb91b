#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace graft::kernels {

/// Numbers as integers, the largest as `largest`, with a scale.
struct RoundedScalar {
  std::vector<int32_t> integers;
  double scale = 0;

  explicit RoundedScalar(const std::vector<float>& numbers, float largest = 32767)
      : integers(numbers.size()) {
    float most = 0;
    for (const float x : numbers) most = std::max(most, std::abs(x));
    if (most == 0) return;
    const float factor = largest / most;
    scale = double{most / largest};
    for (size_t i = 0; i < numbers.size(); ++i) {
      integers[i] = static_cast<int32_t>(std::nearbyint(numbers[i] * factor));
    }
  }
};

}  // namespace graft::kernels
