#include "graft/kernels/matvec.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/isa.h"
#include "graft/kernels/matvec_operands.h"
#include "graft/kernels/matvec_pairs.h"
#include "graft/kernels/operands.h"
#include "graft/kernels/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/matvec.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/matvec-inl.h"
//
#include "graft/kernels/matvec_e4m3-inl.h"
//
#include "graft/kernels/matvec_integer-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

// Calls dots(row, rows, at) for runs of kW rows of weights, then for single rows, and writes what
// they gathered at `at`.
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

// Rows of weights at once: enough sums to hide the latency of an addition, but no more than fit in
// registers.
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
      with_values(w, [&](auto values) HWY_ATTR {
        dequantize_columns<decltype(values)>(w, row, 0, w.columns, numbers.data());
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
int64_t e4m3_columns(const QuantizedMatrix&) { return 0; }
float arrange(const float*, int64_t, float*) { return 1; }
void e4m3_range(const QuantizedMatrix&, const ArrangedX&, const MatvecY&, int64_t, int64_t) {}
#else
int64_t e4m3_columns(const QuantizedMatrix& w) {
  return w.mode == QuantizationMode::mxfp8 ? round_up(w.columns, e4m3_block()) : 0;
}

float arrange(const float* x, int64_t columns, float* out) {
  return arrange_for_e4m3(x, columns, out);
}

void e4m3_range(const QuantizedMatrix& w, const ArrangedX& x, const MatvecY& y, int64_t begin,
                int64_t end) {
  static thread_local GrownBuffer buffer;
  const int64_t groups = w.columns / w.group_size;
  with_rows(x.rows.rows, [&](auto rows) HWY_ATTR {
    constexpr int kX = decltype(rows)::value;
    constexpr int kMost = kX == 1 ? 4 : 2;  // rows of weights at once
    float* scales = buffer.get_as<float>(static_cast<size_t>(round_up(kMost * groups, kMaxLanes)));
    for_weight_rows<kMost>(y, begin, end, [&](int64_t row, auto count, float* at) HWY_ATTR {
      constexpr int kW = decltype(count)::value;
      for_group_scales(w, row * groups, kW * groups, [&](int64_t i, FloatVec s) HWY_ATTR {
        hn::StoreU(s, FloatTag(), scales + i);
      });
      double lifted[kW];
      for (int r = 0; r < kW; ++r) lifted[r] = lift_small_scales(scales + r * groups, groups);
      e4m3_dots<kX, kW>(w, row, x.rows, x.undo, scales, lifted, at);
    });
  });
}

// Calls body(values) for those that integer_dots can read.
template <class Body>
HWY_INLINE void with_integer_values(const QuantizedMatrix& w, Body&& body) {
  if (!has_biases(w.mode)) return body(E2m1());
  return w.bits == 4 ? body(Integers<4>()) : body(Integers<8>());
}

IntegerSizes integer_sizes(const QuantizedMatrix& w) {
  IntegerSizes sizes{};
  if (w.bits != 4 && (w.bits != 8 || !has_biases(w.mode))) return sizes;
  with_integer_values(w, [&](auto values) HWY_ATTR {
    sizes.columns = round_up(w.columns, block_columns<decltype(values)::kBits>());
    sizes.group_step =
        round_up(w.columns / w.group_size, static_cast<int64_t>(hn::Lanes(FloatTag())));
  });
  return sizes;
}

void write_integers(const QuantizedMatrix& w, const void* x, ScalarType x_type, int16_t* rounded,
                    const IntegerX& to, int64_t row) {
  with_type(x_type, [&](auto tag) HWY_ATTR {
    const auto* numbers = static_cast<const decltype(tag)*>(x);
    with_integer_values(w, [&](auto values) HWY_ATTR {
      to_integers<decltype(values)>(numbers, w.columns, w.group_size, rounded, to, row);
    });
  });
}

void integer_range(const QuantizedMatrix& w, const IntegerX& x, const MatvecY& y, int64_t begin,
                   int64_t end) {
  with_integer_values(w, [&](auto values) HWY_ATTR {
    using Values = decltype(values);
    constexpr int kBits = Values::kBits;
    const LaneFactors<kBits> factors(w.group_size);
    with_rows(x.rows, [&](auto rows) HWY_ATTR {
      constexpr int kX = decltype(rows)::value;
      alignas(64) float gathered[kX * kDots];
      const int64_t row_bytes = w.columns * kBits / 8;
      prefetch(reinterpret_cast<const char*>(w.weight) + begin * row_bytes,
               static_cast<size_t>(std::min(kTileRows<kX>, end - begin) * row_bytes));
      for (int64_t first = begin; first < end; first += kTileRows<kX>) {
        const int64_t count = std::min(kTileRows<kX>, end - first);
        integer_dots<Values, kX>(w, first, count, x, factors, gathered);
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
HWY_EXPORT(e4m3_columns);
HWY_EXPORT(arrange);
HWY_EXPORT(e4m3_range);

namespace {

constexpr int64_t kMostRows = 8;     // of x in one pass over the weights
constexpr int64_t kGrain = 1 << 15;  // weights that are worth a thread
constexpr int64_t kUnit = 4;         // rows of weights that stay on one thread

int64_t with_rows_of_zeros(int64_t rows) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(rows)));
}

struct X {
  const void* data;
  int64_t rows;
  ScalarType type;
};

// Calls few(some, first) for every `most` rows of x, from row `first` on.
template <class Few>
void for_few_rows(const X& x, int64_t columns, int64_t most, Few&& few) {
  for (int64_t first = 0; first < x.rows; first += most) {
    const size_t at = static_cast<size_t>(first * columns) * size_of(x.type);
    few(X{static_cast<const char*>(x.data) + at, std::min(most, x.rows - first), x.type}, first);
  }
}

// Where the products of some rows of x with a matrix go.
struct Destination {
  int64_t first, rows;
  ScalarType type, bias_type;

  template <class Matrix>
  MatvecY of(const MatvecProduct<Matrix>& product) const {
    const int64_t columns = product.w.rows;
    const size_t at = static_cast<size_t>(first * columns) * size_of(type);
    return {rows, columns, static_cast<char*>(product.y) + at, type, product.bias, bias_type};
  }
};

// Shares the rows of all weights, one matrix after the other, among the threads.
template <class Matrix, class Values>
void share(std::span<const MatvecProduct<Matrix>> products, const Values& x, const Destination& to,
           void (*range)(const Matrix&, const Values&, const MatvecY&, int64_t, int64_t)) {
  int64_t rows = 0;
  for (const auto& product : products) rows += product.w.rows;
  parallel_ranges(
      rows, kGrain / (products[0].w.columns + 1) + 1,
      [&](int64_t begin, int64_t end) {
        for (const auto& product : products) {
          const int64_t from = std::max<int64_t>(begin, 0), until = std::min(end, product.w.rows);
          if (from < until) range(product.w, x, to.of(product), from, until);
          begin -= product.w.rows;
          end -= product.w.rows;
        }
      },
      kUnit);
}

template <class Matrix>
void multiply(std::span<const MatvecProduct<Matrix>> products, const X& x, ScalarType y_type,
              void (*range)(const Matrix&, const MatvecX&, const MatvecY&, int64_t, int64_t)) {
  static thread_local GrownBuffer buffer;
  const int64_t columns = products[0].w.columns;
  for_few_rows(x, columns, kMostRows, [&](const X& some, int64_t first) {
    const int64_t rows = with_rows_of_zeros(some.rows), count = some.rows * columns;
    float* values = buffer.get_as<float>(static_cast<size_t>(rows * columns));
    convert(x.type, some.data, ScalarType::f32, values, count);
    std::fill(values + count, values + rows * columns, 0.0f);
    share(products, MatvecX{rows, columns, values}, {first, some.rows, y_type, x.type}, range);
  });
}

void multiply_integers(std::span<const MatvecProduct<QuantizedMatrix>> products,
                       const IntegerSizes& sizes, const X& x, ScalarType y_type) {
  static thread_local GrownBuffer buffer;
  const QuantizedMatrix& w = products[0].w;
  for_few_rows(x, w.columns, kMostRows, [&](const X& some, int64_t first) {
    IntegerX integers{};
    integers.rows = with_rows_of_zeros(some.rows);
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
    const auto write = GRAFT_DISPATCH(write_integers);
    const size_t row_bytes = static_cast<size_t>(w.columns) * size_of(x.type);
    for (int64_t m = 0; m < some.rows; ++m) {
      const void* row = static_cast<const char*>(some.data) + static_cast<size_t>(m) * row_bytes;
      write(w, row, x.type, rounded, integers, m);
    }
    for (int64_t m = some.rows; m < integers.rows; ++m) {
      std::fill_n(integers.words + m * 2 * sizes.columns, 2 * sizes.columns, int16_t{0});
      std::fill_n(integers.scales + m * sizes.group_step, sizes.group_step, 0.0f);
      std::fill_n(integers.sums + m * sizes.group_step, sizes.group_step, 0.0f);
    }
    share(products, integers, {first, some.rows, y_type, x.type}, GRAFT_DISPATCH(integer_range));
  });
}

void multiply_e4m3(std::span<const MatvecProduct<QuantizedMatrix>> products, int64_t padded,
                   const X& x, ScalarType y_type) {
  static thread_local GrownBuffer buffer;
  const int64_t columns = products[0].w.columns;
  for_few_rows(x, columns, kMostRows, [&](const X& some, int64_t first) {
    const int64_t rows = with_rows_of_zeros(some.rows);
    float* values = buffer.get_as<float>(static_cast<size_t>(rows * padded + columns));
    float* const row = values + rows * padded;
    ArrangedX arranged{{rows, padded, values}, {}};
    std::fill(values, values + rows * padded, 0.0f);
    for (int64_t m = 0; m < some.rows; ++m) {
      const size_t at = static_cast<size_t>(m * columns) * size_of(x.type);
      convert(x.type, static_cast<const char*>(some.data) + at, ScalarType::f32, row, columns);
      arranged.undo[m] = GRAFT_DISPATCH(arrange)(row, columns, values + m * padded);
    }
    share(products, arranged, {first, some.rows, y_type, x.type}, GRAFT_DISPATCH(e4m3_range));
  });
}

// The code for pairs of 16-bit numbers that such products take, or null.
const PairsMatvecKernels* pairs_kernels(const QuantizedMatrix& w, ScalarType x_type) {
  if (x_type == ScalarType::f32 || (w.bits != 4 && w.bits != 8)) return nullptr;
  const bool small_floats = !has_biases(w.mode) && w.bits == 8;
  const bool has_bf16 = x_type == ScalarType::bf16 && isa_has_avx512_bf16();
  // Eight bits become 16-bit integers in fewer instructions than bf16.
  if (has_bf16 && (w.bits == 4 || small_floats)) return bf16_matvec_kernels();
  return isa_has_avx512_vnni() && !small_floats ? integer_matvec_kernels() : nullptr;
}

void multiply_pairs(const PairsMatvecKernels& kernels,
                    std::span<const MatvecProduct<QuantizedMatrix>> products, const X& x,
                    ScalarType y_type) {
  static thread_local GrownBuffer buffer;
  const QuantizedMatrix& w = products[0].w;
  for_few_rows(x, w.columns, kPairsRows, [&](const X& some, int64_t first) {
    PairsX numbers = kernels.sizes(w);
    numbers.rows = some.rows;
    auto carve = [&](std::byte* block) {
      Carver carver(block);
      numbers.values = carver.take<uint32_t>(some.rows * numbers.words);
      numbers.sums = carver.take<float>(some.rows * numbers.group_step);
      numbers.scales = carver.take<float>(some.rows * numbers.group_step + kMaxLanes);
      return carver.used();
    };
    carve(static_cast<std::byte*>(buffer.get(carve(nullptr))));
    const size_t row_bytes = static_cast<size_t>(w.columns) * size_of(x.type);
    parallel_ranges(some.rows, kGrain / (w.columns + 1) + 1, [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m) {
        const size_t at = static_cast<size_t>(m) * row_bytes;
        kernels.write(w, static_cast<const char*>(some.data) + at, x.type, numbers, m);
      }
    });
    share(products, numbers, {first, some.rows, y_type, x.type}, kernels.range);
  });
}

template <class Matrix>
void check(std::span<const MatvecProduct<Matrix>> products) {
  for (const auto& product : products) {
    if (product.w.columns != products[0].w.columns) {
      fail("internal: matvec of weights of {} and {} columns", products[0].w.columns,
           product.w.columns);
    }
  }
}

}  // namespace

bool rounds_x(const QuantizedMatrix& w, ScalarType x_type) {
  const PairsMatvecKernels* kernels = pairs_kernels(w, x_type);
  return kernels != nullptr && kernels == integer_matvec_kernels();
}

int64_t few_rows(const DenseMatrix&, ScalarType) { return 4; }

int64_t few_rows(const QuantizedMatrix& w, ScalarType x_type) {
  return pairs_kernels(w, x_type) != nullptr ? kMostFewRows : 4;
}

void matvec(std::span<const MatvecProduct<DenseMatrix>> products, int64_t x_rows, const void* x,
            ScalarType x_type, ScalarType y_type) {
  if (products.empty()) return;
  check(products);
  multiply(products, {x, x_rows, x_type}, y_type, GRAFT_DISPATCH(dense_range));
}

void matvec(std::span<const MatvecProduct<QuantizedMatrix>> products, int64_t x_rows, const void* x,
            ScalarType x_type, ScalarType y_type) {
  if (products.empty()) return;
  check(products);
  const QuantizedMatrix& w = products[0].w;
  for (const auto& product : products) {
    if (!product.w.is_stored_as(w)) {
      fail("internal: matvec of weights of {} and {} bits, in groups of {} and {}", w.bits,
           product.w.bits, w.group_size, product.w.group_size);
    }
  }
  if (const PairsMatvecKernels* kernels = pairs_kernels(w, x_type)) {
    return multiply_pairs(*kernels, products, {x, x_rows, x_type}, y_type);
  }
  const IntegerSizes sizes = GRAFT_DISPATCH(integer_sizes)(w);
  if (sizes.columns > 0) return multiply_integers(products, sizes, {x, x_rows, x_type}, y_type);
  if (const int64_t padded = GRAFT_DISPATCH(e4m3_columns)(w)) {
    return multiply_e4m3(products, padded, {x, x_rows, x_type}, y_type);
  }
  multiply(products, {x, x_rows, x_type}, y_type, GRAFT_DISPATCH(dequantized_range));
}

}  // namespace graft::kernels
#endif
