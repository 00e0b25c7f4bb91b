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
  std::vector<uint8_t> scale_bytes;  // of other modes than affine
  QuantizedMatrix matrix;

  RandomQuantized(int64_t rows, int64_t columns, int bits, int group_size, ScalarType scale_type,
                  unsigned seed = 1)
      : weight(static_cast<size_t>(rows * columns * bits / 32 + 1)),
        scales(scale_type, rows * columns / group_size, 1),
        biases(scale_type, rows * columns / group_size, 3) {
    std::mt19937 engine(seed);
    for (uint32_t& word : weight) word = static_cast<uint32_t>(engine());
    scales.random(seed + 1, 0.0f, 0.1f);
    biases.random(seed + 2, -0.5f, 0.5f);
    matrix = {weight.data() + 1, scales.data(), biases.data(), scale_type, rows,
              columns,           bits,          group_size};
  }
  /// In another mode than affine: finite numbers of up to 1.5, scales of up to 1/4.
  RandomQuantized(int64_t rows, int64_t columns, QuantizationMode mode, unsigned seed = 1)
      : RandomQuantized(rows, columns, default_bits(mode), default_group_size(mode),
                        ScalarType::bf16, seed) {
    std::mt19937 engine(seed + 3);
    const auto between = [&](int low, int high) {
      return static_cast<uint8_t>(std::uniform_int_distribution<int>(low, high)(engine));
    };
    scale_bytes.push_back(0);  // so that nothing is aligned
    for (int64_t i = 0; i < rows * columns / matrix.group_size; ++i) {
      scale_bytes.push_back(mode == QuantizationMode::mxfp4   ? between(117, 125)
                            : mode == QuantizationMode::mxfp8 ? between(108, 117)
                                                              : between(1, 0x28));
    }
    if (mode == QuantizationMode::mxfp8) {
      for (uint32_t& word : weight) {
        for (int byte = 0; byte < 4; ++byte) {
          const uint32_t not_a_number = 0x7fu << (8 * byte);
          if ((word & not_a_number) == not_a_number) word ^= 1u << (8 * byte);
        }
      }
    }
    matrix.scales = scale_bytes.data() + 1;
    matrix.biases = nullptr;
    matrix.mode = mode;
  }
  RandomQuantized(const RandomQuantized&) = delete;
  RandomQuantized& operator=(const RandomQuantized&) = delete;
};

inline constexpr int kAllBits[] = {2, 3, 4, 5, 6, 8};
inline constexpr int kAllGroups[] = {32, 64, 128};
inline constexpr QuantizationMode kSmallFloatModes[] = {
    QuantizationMode::mxfp4, QuantizationMode::mxfp8, QuantizationMode::nvfp4};

}  // namespace graft::kernels
