#include "graft/kernels/embedding.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/convert.h"
#include "graft/kernels/parallel.h"

namespace graft::kernels {

void embedding(const LinearWeight& weight, const int32_t* ids, int64_t count, ScalarType type,
               void* out) {
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] < 0 || ids[i] >= weight.out) {
      fail("a token is id {} of a vocabulary of {}", ids[i], weight.out);
    }
  }
  if (weight.quantized) return dequantize_rows(weight.matrix, ids, count, type, out);
  const size_t row_bytes = static_cast<size_t>(weight.in) * size_of(type);
  for (int64_t i = 0; i < count; ++i) {
    convert(weight.type, rows_of(weight, ids[i], ids[i] + 1).data, type,
            static_cast<std::byte*>(out) + static_cast<size_t>(i) * row_bytes, weight.in);
  }
}

void embedding_gradient(const int32_t* ids, int64_t count, const void* d_rows, ScalarType type,
                        int64_t vocabulary, int64_t width, float* d_weight) {
  std::vector<int64_t> by_id(static_cast<size_t>(count));
  std::iota(by_id.begin(), by_id.end(), 0);
  std::stable_sort(by_id.begin(), by_id.end(),
                   [ids](int64_t a, int64_t b) { return ids[a] < ids[b]; });
  const size_t row_bytes = static_cast<size_t>(width) * size_of(type);
  parallel_ranges(vocabulary, (1 << 16) / (width + 1) + 1, [&](int64_t begin, int64_t end) {
    std::fill(d_weight + begin * width, d_weight + end * width, 0.0f);
    std::vector<float> row(static_cast<size_t>(width));
    auto at = std::lower_bound(by_id.begin(), by_id.end(), begin,
                               [ids](int64_t i, int64_t id) { return ids[i] < id; });
    for (; at != by_id.end() && ids[*at] < end; ++at) {
      const auto* from =
          static_cast<const std::byte*>(d_rows) + static_cast<size_t>(*at) * row_bytes;
      convert(type, from, ScalarType::f32, row.data(), width);
      float* const sum = d_weight + ids[*at] * width;
      for (int64_t j = 0; j < width; ++j) sum[j] += row[static_cast<size_t>(j)];
    }
  });
}

}  // namespace graft::kernels
