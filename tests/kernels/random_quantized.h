#pragma once

#include <random>
#include <vector>

#include "graft/kernels/quantized.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {

/// A quantized matrix of random bits, aligned to the word only, scales in [0, 0.1) and biases in
/// [-0.5, 0.5).
struct RandomQuantized {
  std::vector<uint32_t> weight;
  Numbers scales, biases;
  QuantizedMatrix matrix;

  RandomQuantized(int64_t rows, int64_t columns, int bits, int group_size, ScalarType scale_type,
                  unsigned seed = 1)
      : weight(static_cast<size_t>(rows * columns / 32 * bits + 1)),
        scales(scale_type, rows * columns / group_size, 1),
        biases(scale_type, rows * columns / group_size, 3) {
    std::mt19937 engine(seed);
    for (uint32_t& word : weight) word = static_cast<uint32_t>(engine());
    scales.random(seed + 1, 0.0f, 0.1f);
    biases.random(seed + 2, -0.5f, 0.5f);
    matrix = {weight.data() + 1, scales.data(), biases.data(), scale_type, rows,
              columns,           bits,          group_size};
  }
  RandomQuantized(const RandomQuantized&) = delete;
  RandomQuantized& operator=(const RandomQuantized&) = delete;
};

inline constexpr int kAllBits[] = {2, 3, 4, 5, 6, 8};
inline constexpr int kAllGroups[] = {32, 64, 128};

}  // namespace graft::kernels
