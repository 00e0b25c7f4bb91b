#include "graft/kernels/matvec.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "graft/kernels/matvec_operands.h"
#include "graft/kernels/parallel.h"
#include "hwy/aligned_allocator.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/matvec.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/matvec-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

// Calls dots(row, rows, at) for runs of kW rows of weights, and single ones at the end, and writes
// what they gathered at `at`.
template <int kW, class Dots>
HWY_INLINE void for_weight_rows(const MatvecY& y, int64_t begin, int64_t end, Dots&& dots) {
  alignas(64) float gathered[8 * kDots];
  for (int64_t first = begin; first < end; first += kDots) {
    const int64_t count = std::min(kDots, end - first);
    int64_t i = 0;
    for (; i + kW <= count; i += kW) {
      dots(first + i, std::integral_constant<int, kW>(), gathered + i);
    }
    for (; i < count; ++i) dots(first + i, std::integral_constant<int, 1>(), gathered + i);
    write_dots(y, first, count, gathered);
  }
}

// Rows of weights at once: enough sums to hide the latency of an addition, no more than there are
// registers for.
template <int kX>
constexpr int kWeightRows = kX == 1                         ? 4
                            : kX == 8 && HWY_MAX_BYTES < 64 ? 1
                                                            : 2;

void dense_range(const DenseMatrix& w, const MatvecX& x, const MatvecY& y, int64_t begin,
                 int64_t end) {
  with_type(w.type, [&](auto tag) HWY_ATTR {
    using W = decltype(tag);
    const W* data = static_cast<const W*>(w.data);
    with_rows(x.rows, [&](auto rows) HWY_ATTR {
      constexpr int kX = decltype(rows)::value;
      for_weight_rows<kWeightRows<kX>>(
          y, begin, end, [&](int64_t row, auto count, float* at) HWY_ATTR {
            dense_dots<kX, decltype(count)::value>(data + row * w.columns, x, at);
          });
    });
  });
}

template <int kBits>
HWY_INLINE void direct_range(const QuantizedMatrix& w, const MatvecX& x, const MatvecY& y,
                             int64_t begin, int64_t end) {
  with_rows(x.rows, [&](auto rows) HWY_ATTR {
    constexpr int kX = decltype(rows)::value;
    for_weight_rows<kWeightRows<kX>>(
        y, begin, end, [&](int64_t row, auto count, float* at) HWY_ATTR {
          quantized_dots<kBits, kX, decltype(count)::value>(w, row, x, at);
        });
  });
}

void quantized_range(const QuantizedMatrix& w, const MatvecX& x, const MatvecY& y, int64_t begin,
                     int64_t end) {
  if (w.bits == 4) return direct_range<4>(w, x, y, begin, end);
  if (w.bits == 8) return direct_range<8>(w, x, y, begin, end);
  std::vector<float> numbers(static_cast<size_t>(w.columns));
  with_rows(x.rows, [&](auto rows) HWY_ATTR {
    constexpr int kX = decltype(rows)::value;
    for_weight_rows<1>(y, begin, end, [&](int64_t row, auto, float* at) HWY_ATTR {
      with_bits(w.bits, [&](auto bits) HWY_ATTR {
        dequantize_columns<decltype(bits)::value>(w, row, 0, w.columns, numbers.data());
      });
      dense_dots<kX, 1>(numbers.data(), x, at);
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(dense_range);
HWY_EXPORT(quantized_range);

namespace {

constexpr int64_t kMostRows = 8;     // of x in one pass over the weights
constexpr int64_t kGrain = 1 << 16;  // weights that are worth a thread
constexpr int64_t kUnit = 4;         // rows of weights that are multiplied at once

// The even columns first, then the odd.
void split_even_odd(float* row, int64_t columns, std::vector<float>& scratch) {
  scratch.assign(row, row + columns);
  for (int64_t i = 0; i < columns / 2; ++i) {
    row[i] = scratch[static_cast<size_t>(2 * i)];
    row[columns / 2 + i] = scratch[static_cast<size_t>(2 * i + 1)];
  }
}

// Runs `range`, a kernel for a range of weight rows, for every kMostRows rows of x.
template <class Matrix, class Range>
void multiply(const Matrix& w, Range range, bool even_odd, const void* x, ScalarType x_type,
              const MatvecY& y) {
  const int64_t most = std::min(y.rows, kMostRows);
  const int64_t rows = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(most)));
  auto values = hwy::AllocateAligned<float>(static_cast<size_t>(rows * w.columns));
  std::vector<float> scratch;
  for (int64_t first = 0; first < y.rows; first += kMostRows) {
    const int64_t count = std::min(kMostRows, y.rows - first);
    const size_t x_at = static_cast<size_t>(first * w.columns) * size_of(x_type);
    convert(x_type, static_cast<const char*>(x) + x_at, ScalarType::f32, values.get(),
            count * w.columns);
    std::fill(values.get() + count * w.columns, values.get() + rows * w.columns, 0.0f);
    for (int64_t i = 0; even_odd && i < count; ++i) {
      split_even_odd(values.get() + i * w.columns, w.columns, scratch);
    }
    const MatvecX some_x{rows, w.columns, values.get()};
    MatvecY some_y = y;
    some_y.rows = count;
    const size_t y_at = static_cast<size_t>(first * y.columns) * size_of(y.type);
    some_y.data = static_cast<char*>(y.data) + y_at;
    parallel_ranges(
        w.rows, kGrain / (w.columns + 1) + 1,
        [&](int64_t begin, int64_t end) { range(w, some_x, some_y, begin, end); }, kUnit);
  }
}

}  // namespace

void matvec(const DenseMatrix& w, int64_t x_rows, const void* x, ScalarType x_type,
            const void* bias, void* y, ScalarType y_type) {
  if (x_rows <= 0 || w.rows <= 0) return;
  multiply(w, GRAFT_DISPATCH(dense_range), false, x, x_type,
           {x_rows, w.rows, y, y_type, bias, x_type});
}

void matvec(const QuantizedMatrix& w, int64_t x_rows, const void* x, ScalarType x_type,
            const void* bias, void* y, ScalarType y_type) {
  if (x_rows <= 0 || w.rows <= 0) return;
  multiply(w, GRAFT_DISPATCH(quantized_range), w.bits == 4, x, x_type,
           {x_rows, w.rows, y, y_type, bias, x_type});
}

}  // namespace graft::kernels
#endif
