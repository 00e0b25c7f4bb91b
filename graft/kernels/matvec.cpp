#include "graft/kernels/matvec.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/matvec_operands.h"
#include "graft/kernels/operands.h"
#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/matvec.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/matvec-inl.h"
#if HWY_TARGET != HWY_SCALAR
#include "graft/kernels/matvec_integer-inl.h"
#endif

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

void dequantized_range(const QuantizedMatrix& w, const MatvecX& x, const MatvecY& y, int64_t begin,
                       int64_t end) {
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

#if HWY_TARGET == HWY_SCALAR
IntegerSizes integer_sizes(const QuantizedMatrix&) { return {}; }
void write_integers(const QuantizedMatrix&, const void*, ScalarType, int16_t*, const IntegerX&,
                    int64_t) {}
void integer_range(const QuantizedMatrix&, const IntegerX&, const MatvecY&, int64_t, int64_t) {}
#else
// Calls body(std::integral_constant<int, bits>) for 4 or 8 bits.
template <class Body>
HWY_INLINE void with_integer_bits(int bits, Body&& body) {
  if (bits == 4) return body(std::integral_constant<int, 4>());
  return body(std::integral_constant<int, 8>());
}

IntegerSizes integer_sizes(const QuantizedMatrix& w) {
  IntegerSizes sizes{};
  if (w.bits != 4 && w.bits != 8) return sizes;
  with_integer_bits(w.bits, [&](auto bits) HWY_ATTR {
    sizes.columns = round_up(w.columns, block_columns<decltype(bits)::value>());
    sizes.group_step =
        round_up(w.columns / w.group_size, static_cast<int64_t>(hn::Lanes(FloatTag())));
  });
  return sizes;
}

void write_integers(const QuantizedMatrix& w, const void* x, ScalarType x_type, int16_t* rounded,
                    const IntegerX& to, int64_t row) {
  with_type(x_type, [&](auto tag) HWY_ATTR {
    const auto* numbers = static_cast<const decltype(tag)*>(x);
    with_integer_bits(w.bits, [&](auto bits) HWY_ATTR {
      to_integers<decltype(bits)::value>(numbers, w.columns, w.group_size, rounded, to, row);
    });
  });
}

void integer_range(const QuantizedMatrix& w, const IntegerX& x, const MatvecY& y, int64_t begin,
                   int64_t end) {
  with_integer_bits(w.bits, [&](auto bits) HWY_ATTR {
    constexpr int kBits = decltype(bits)::value;
    const LaneFactors<kBits> factors(w.group_size);
    with_rows(x.rows, [&](auto rows) HWY_ATTR {
      constexpr int kX = decltype(rows)::value;
      alignas(64) float gathered[kX * kDots];
      const int64_t row_bytes = w.columns * kBits / 8;
      prefetch(reinterpret_cast<const char*>(w.weight) + begin * row_bytes,
               static_cast<size_t>(std::min(kTileRows<kX>, end - begin) * row_bytes));
      for (int64_t first = begin; first < end; first += kTileRows<kX>) {
        const int64_t count = std::min(kTileRows<kX>, end - first);
        integer_dots<kBits, kX>(w, first, count, x, factors, gathered);
        write_dots(y, first, count, gathered);
      }
    });
  });
}
#endif

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(dense_range);
HWY_EXPORT(dequantized_range);
HWY_EXPORT(integer_sizes);
HWY_EXPORT(write_integers);
HWY_EXPORT(integer_range);

namespace {

constexpr int64_t kMostRows = 8;     // of x in one pass over the weights
constexpr int64_t kGrain = 1 << 15;  // weights that are worth a thread
constexpr int64_t kUnit = 4;         // rows of weights that are multiplied at once

int64_t with_rows_of_zeros(int64_t rows) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(rows)));
}

// Calls few(x, y) for every kMostRows rows of x, `y` being where their products go.
template <class Few>
void for_few_rows(const void* x, ScalarType x_type, int64_t columns, const MatvecY& y, Few&& few) {
  for (int64_t first = 0; first < y.rows; first += kMostRows) {
    MatvecY some = y;
    some.rows = std::min(kMostRows, y.rows - first);
    some.data =
        static_cast<char*>(y.data) + static_cast<size_t>(first * y.columns) * size_of(y.type);
    few(static_cast<const char*>(x) + static_cast<size_t>(first * columns) * size_of(x_type), some);
  }
}

// Shares the rows of weights among the threads.
template <class Matrix, class X>
void share(const Matrix& w, const X& x, const MatvecY& y,
           void (*range)(const Matrix&, const X&, const MatvecY&, int64_t, int64_t)) {
  parallel_ranges(
      w.rows, kGrain / (w.columns + 1) + 1,
      [&](int64_t begin, int64_t end) { range(w, x, y, begin, end); }, kUnit);
}

template <class Matrix>
void multiply(const Matrix& w, const void* x, ScalarType x_type, const MatvecY& y,
              void (*range)(const Matrix&, const MatvecX&, const MatvecY&, int64_t, int64_t)) {
  static thread_local GrownBuffer buffer;
  for_few_rows(x, x_type, w.columns, y, [&](const void* some, const MatvecY& some_y) {
    const int64_t rows = with_rows_of_zeros(some_y.rows), count = some_y.rows * w.columns;
    float* values = buffer.get_as<float>(static_cast<size_t>(rows * w.columns));
    convert(x_type, some, ScalarType::f32, values, count);
    std::fill(values + count, values + rows * w.columns, 0.0f);
    share(w, MatvecX{rows, w.columns, values}, some_y, range);
  });
}

void multiply_integers(const QuantizedMatrix& w, const IntegerSizes& sizes, const void* x,
                       ScalarType x_type, const MatvecY& y) {
  static thread_local GrownBuffer buffer;
  for_few_rows(x, x_type, w.columns, y, [&](const void* some, const MatvecY& some_y) {
    IntegerX integers{};
    integers.rows = with_rows_of_zeros(some_y.rows);
    integers.columns = sizes.columns;
    integers.group_step = sizes.group_step;
    int16_t* rounded = nullptr;
    auto carve = [&](std::byte* block) {
      Carver carver(block);
      rounded = carver.take<int16_t>(2 * sizes.columns);
      integers.words = carver.take<int16_t>(2 * integers.rows * sizes.columns);
      integers.scales = carver.take<float>(integers.rows * sizes.group_step);
      integers.sums = carver.take<float>(integers.rows * sizes.group_step);
      return carver.used();
    };
    carve(static_cast<std::byte*>(buffer.get(carve(nullptr))));
    const size_t row_bytes = static_cast<size_t>(w.columns) * size_of(x_type);
    for (int64_t m = 0; m < some_y.rows; ++m) {
      GRAFT_DISPATCH(write_integers)
      (w, static_cast<const char*>(some) + static_cast<size_t>(m) * row_bytes, x_type, rounded,
       integers, m);
    }
    for (int64_t m = some_y.rows; m < integers.rows; ++m) {
      std::fill_n(integers.words + m * 2 * sizes.columns, 2 * sizes.columns, int16_t{0});
      std::fill_n(integers.scales + m * sizes.group_step, sizes.group_step, 0.0f);
      std::fill_n(integers.sums + m * sizes.group_step, sizes.group_step, 0.0f);
    }
    share(w, integers, some_y, GRAFT_DISPATCH(integer_range));
  });
}

}  // namespace

void matvec(const DenseMatrix& w, int64_t x_rows, const void* x, ScalarType x_type,
            const void* bias, void* y, ScalarType y_type) {
  if (x_rows <= 0 || w.rows <= 0) return;
  multiply(w, x, x_type, {x_rows, w.rows, y, y_type, bias, x_type}, GRAFT_DISPATCH(dense_range));
}

void matvec(const QuantizedMatrix& w, int64_t x_rows, const void* x, ScalarType x_type,
            const void* bias, void* y, ScalarType y_type) {
  if (x_rows <= 0 || w.rows <= 0) return;
  const MatvecY to{x_rows, w.rows, y, y_type, bias, x_type};
  const IntegerSizes sizes = GRAFT_DISPATCH(integer_sizes)(w);
  if (sizes.columns > 0) return multiply_integers(w, sizes, x, x_type, to);
  multiply(w, x, x_type, to, GRAFT_DISPATCH(dequantized_range));
}

}  // namespace graft::kernels
#endif
