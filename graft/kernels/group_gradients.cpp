#include "graft/kernels/group_gradients.h"

#include <array>
#include <vector>

#include "graft/kernels/parallel.h"

namespace graft::kernels {
namespace {

constexpr int64_t kRowsAtOnce = 8;
constexpr size_t kSums = 16;  // side by side: one order of the sum on every processor

struct GroupSums {
  float of_codes, of_all;
};

GroupSums sums_of(const float* d, const float* codes, size_t count) {
  std::array<float, kSums> of_codes{}, of_all{};
  for (size_t begin = 0; begin < count; begin += kSums) {
    for (size_t i = 0; i < kSums; ++i) {
      of_codes[i] += d[begin + i] * codes[begin + i];
      of_all[i] += d[begin + i];
    }
  }
  for (size_t half = kSums / 2; half > 0; half /= 2) {
    for (size_t i = 0; i < half; ++i) {
      of_codes[i] += of_codes[i + half];
      of_all[i] += of_all[i + half];
    }
  }
  return {of_codes[0], of_all[0]};
}

}  // namespace

void group_gradients(const QuantizedMatrix& matrix, const float* d_weight, float* d_scales,
                     float* d_biases) {
  const int64_t columns = matrix.columns, groups = columns / matrix.group_size;
  const auto count = static_cast<size_t>(kRowsAtOnce * groups);
  // With these the numbers are the codes.
  const std::vector<float> ones(count, 1.0f), zeros(count, 0.0f);
  const int64_t words = columns * matrix.bits / 32;
  parallel_ranges(matrix.rows, kRowsAtOnce, [&](int64_t begin, int64_t end) {
    std::vector<float> codes(static_cast<size_t>(kRowsAtOnce * columns));
    for (int64_t first = begin; first < end; first += kRowsAtOnce) {
      QuantizedMatrix part = matrix;
      part.rows = std::min(kRowsAtOnce, end - first);
      part.weight = matrix.weight + first * words;
      part.scales = ones.data();
      part.biases = zeros.data();
      part.scale_type = ScalarType::f32;
      dequantize_block(part, 0, part.rows, 0, columns, ScalarType::f32, codes.data(), columns);
      for (int64_t i = 0; i < part.rows * groups; ++i) {
        const int64_t at = i * matrix.group_size;
        const GroupSums sums = sums_of(d_weight + first * columns + at, codes.data() + at,
                                       static_cast<size_t>(matrix.group_size));
        d_scales[first * groups + i] = sums.of_codes;
        d_biases[first * groups + i] = sums.of_all;
      }
    }
  });
}

}  // namespace graft::kernels
