#include "graft/kernels/quantized.h"

#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/quantized.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/quantized-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

// Writes row `rows[i]` (or first_row + i without `rows`), columns [column_begin, column_end), to
// row i of `out`, for i in [begin, end).
void dequantize_range(const QuantizedMatrix& m, const int32_t* rows, int64_t first_row,
                      int64_t column_begin, int64_t column_end, ScalarType out_type, void* out,
                      int64_t out_stride, int64_t begin, int64_t end) {
  with_type(out_type, [&](auto tag) HWY_ATTR {
    using Out = decltype(tag);
    with_values(m, [&](auto values) HWY_ATTR {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = rows == nullptr ? first_row + i : int64_t{rows[i]};
        dequantize_columns<decltype(values)>(m, row, column_begin, column_end,
                                             static_cast<Out*>(out) + i * out_stride);
      }
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(dequantize_range);

namespace {
constexpr int64_t kGrain = 1 << 15;  // elements that are worth a thread
}

void dequantize_block(const QuantizedMatrix& matrix, int64_t row_begin, int64_t row_end,
                      int64_t column_begin, int64_t column_end, ScalarType out_type, void* out,
                      int64_t out_stride) {
  auto range = GRAFT_DISPATCH(dequantize_range);
  const int64_t grain = kGrain / (column_end - column_begin + 1) + 1;
  parallel_ranges(row_end - row_begin, grain, [&](int64_t begin, int64_t end) {
    range(matrix, nullptr, row_begin, column_begin, column_end, out_type, out, out_stride, begin,
          end);
  });
}

void dequantize_rows(const QuantizedMatrix& matrix, const int32_t* indices, int64_t count,
                     ScalarType out_type, void* out) {
  auto range = GRAFT_DISPATCH(dequantize_range);
  parallel_ranges(count, kGrain / (matrix.columns + 1) + 1, [&](int64_t begin, int64_t end) {
    range(matrix, indices, 0, 0, matrix.columns, out_type, out, matrix.columns, begin, end);
  });
}

}  // namespace graft::kernels
#endif
