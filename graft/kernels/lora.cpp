#include "graft/kernels/lora.h"

#include <algorithm>
#include <span>

#include "graft/base/error.h"
#include "graft/kernels/parallel.h"
#include "graft/kernels/scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/lora.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/words_f32-inl.h"
//
#include "graft/kernels/product-inl.h"

#ifndef GRAFT_KERNELS_LORA_CPP_ONCE_
#define GRAFT_KERNELS_LORA_CPP_ONCE_
namespace graft::kernels {

/// The number of rows whose f32 copies are in the cache at a time.
constexpr int64_t kLoraRows = 24;

/// The copies that one thread works with. Their rows are whole vectors, with zeros at the end.
struct LoraScratch {
  float* x;          ///< [kLoraRows, in]
  float* y;          ///< [kLoraRows, out]
  float *d_a, *d_b;  ///< [R, in] (transposed) and [R, out]: this thread's sums
  float* d_factors;  ///< [out], the same

  LoraScratch(Carver& carver, const LoraShape& shape)
      : x(carver.take<float>(kLoraRows * round_up(shape.in, kMaxLanes))),
        y(carver.take<float>(kLoraRows * round_up(shape.out, kMaxLanes))),
        d_a(carver.take<float>(shape.rank * round_up(shape.in, kMaxLanes))),
        d_b(carver.take<float>(shape.rank * round_up(shape.out, kMaxLanes))),
        d_factors(carver.take<float>(round_up(shape.out, kMaxLanes))) {}
};

/// The adapter as all threads read it.
struct LoraWeights {
  float* a;    ///< [R, in]: transposed, and like b in whole vectors
  float* b;    ///< [R, out], times the scale and the factors
  float* d_a;  ///< [in, R in whole vectors]

  LoraWeights(Carver& carver, const LoraShape& shape)
      : a(carver.take<float>(shape.rank * round_up(shape.in, kMaxLanes))),
        b(carver.take<float>(shape.rank * round_up(shape.out, kMaxLanes))),
        d_a(carver.take<float>(shape.in * round_up(shape.rank, kMaxLanes))) {}
};

}  // namespace graft::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {
namespace {

using f32_words::product;

using f32_words::kRowBlock;
constexpr float kKeep[kRowBlock] = {1, 1, 1, 1, 1, 1};

HeadRows matrix_rows(const void* data, ScalarType type, int64_t columns) {
  return {
      .data = data, .type = type, .begin = 0, .row_step = columns, .group = 1, .head_dim = columns};
}

void pack_a(const LoraShape& shape, const float* a, float* out) {
  f32_words::load_right_transposed(matrix_rows(a, ScalarType::f32, shape.rank), 0, shape.in,
                                   round_up(shape.in, kMaxLanes), out);
}

void pack_b(const LoraShape& shape, const float* b, float scale, const float* factors, float* out) {
  const FloatTag d;
  const int64_t width = round_up(shape.out, kMaxLanes);
  f32_words::load_left(matrix_rows(b, ScalarType::f32, shape.out), 0, shape.rank, width, out);
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < shape.rank * width; i += lanes) {
    hn::Store(hn::Mul(hn::Load(d, out + i), hn::Set(d, scale)), d, out + i);
  }
  if (factors == nullptr) return;
  for (int64_t r = 0; r < shape.rank; ++r) {
    for (int64_t i = 0; i < shape.out; ++i) out[r * width + i] *= factors[i];
  }
}

// out[i, j] = sum over k of x[i, k] w[j, k], of rows of whole vectors.
template <int kRows, int kColumns>
HWY_INLINE void dot_block(int64_t width, const float* x, const float* w, float* out,
                          int64_t out_step) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  FloatVec sum[kRows][kColumns];
  HWY_UNROLL(3)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (int c = 0; c < kColumns; ++c) sum[r][c] = hn::Zero(d);
  }
  for (int64_t k = 0; k < width; k += lanes) {
    FloatVec left[kRows];
    HWY_UNROLL(3)
    for (int r = 0; r < kRows; ++r) left[r] = hn::Load(d, x + r * width + k);
    HWY_UNROLL(8)
    for (int c = 0; c < kColumns; ++c) {
      const auto right = hn::Load(d, w + c * width + k);
      HWY_UNROLL(3)
      for (int r = 0; r < kRows; ++r) sum[r][c] = hn::MulAdd(left[r], right, sum[r][c]);
    }
  }
  HWY_UNROLL(3)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(8)
    for (int c = 0; c < kColumns; ++c) out[r * out_step + c] = sum_of(d, sum[r][c]);
  }
}

template <int kRows>
HWY_INLINE void dot_columns(int64_t columns, int64_t width, const float* x, const float* w,
                            float* out, int64_t out_step) {
  constexpr int kColumns = f32_words::kVectorBlock == 4 ? 8 : 4;
  int64_t c = 0;
  for (; c + kColumns <= columns; c += kColumns) {
    dot_block<kRows, kColumns>(width, x, w + c * width, out + c, out_step);
  }
  for (; c + 2 <= columns; c += 2) {
    dot_block<kRows, 2>(width, x, w + c * width, out + c, out_step);
  }
  if (c < columns) dot_block<kRows, 1>(width, x, w + c * width, out + c, out_step);
}

HWY_NOINLINE void dots(int64_t rows, int64_t columns, int64_t width, const float* x, const float* w,
                       float* out, int64_t out_step) {
  int64_t r = 0;
  for (; r + 3 <= rows; r += 3) {
    dot_columns<3>(columns, width, x + r * width, w, out + r * out_step, out_step);
  }
  for (; r < rows; ++r) {
    dot_columns<1>(columns, width, x + r * width, w, out + r * out_step, out_step);
  }
}

// c [rows, width] += a^T b, with a [depth, rows] and b [depth, width] in whole vectors.
void add_transposed_product(int64_t rows, int64_t width, int64_t depth, const float* a,
                            const float* b, float* c) {
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(FloatTag()));
  const int64_t blocks = (rows + kRowBlock - 1) / kRowBlock;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t begin = rows * block / blocks, end = rows * (block + 1) / blocks;
    product(end - begin, width / lanes, depth, {a + begin, 1, rows}, {b, width},
            {c + begin * width, width}, kKeep);
  }
}

}  // namespace

void lora_down_rows(const LoraShape& shape, const void* x, const LoraWeights& weights,
                    const LoraScratch& s, float* xa, int64_t begin, int64_t end) {
  const HeadRows rows = matrix_rows(x, shape.type, shape.in);
  const int64_t width = round_up(shape.in, kMaxLanes);
  for (int64_t row = begin; row < end; row += kLoraRows) {
    const int64_t n = std::min(kLoraRows, end - row);
    f32_words::load_left(rows, row, n, width, s.x);
    dots(n, shape.rank, width, s.x, weights.a, xa + row * shape.rank, shape.rank);
  }
}

void lora_up_add_rows(const LoraShape& shape, const float* xa, const LoraWeights& weights,
                      const float* factors, const LoraScratch& s, void* y, int64_t begin,
                      int64_t end) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const HeadRows rows = matrix_rows(y, shape.type, shape.out);
  const int64_t width = round_up(shape.out, kMaxLanes);
  for (int64_t row = begin; row < end; row += kRowBlock) {
    const int64_t n = std::min(kRowBlock, end - row);
    f32_words::load_left(rows, row, n, width, s.y);
    product(n, width / lanes, shape.rank, {xa + row * shape.rank, shape.rank, 1},
            {weights.b, width}, {s.y, width}, kKeep);
    with_type(shape.type, [&](auto tag) HWY_ATTR {
      using T = decltype(tag);
      for (int64_t r = 0; r < n; ++r) {
        T* out = static_cast<T*>(y) + (row + r) * shape.out;
        const float* from = s.y + r * width;
        for_vectors(hn::Lanes(d), 0, shape.out, [=](int64_t i, auto part) HWY_ATTR {
          const auto sum = hn::Load(d, from + i);
          store(d, factors == nullptr ? sum : hn::Mul(sum, load(d, factors + i, part)), out + i,
                part);
        });
      }
    });
  }
}

// sums [width] += the sum over n rows of d_y [n, width] times y.
void add_column_products(int64_t n, int64_t width, const float* d_y, const HeadRows& y, int64_t row,
                         float* sums) {
  const FloatTag d;
  with_type(y.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    for (int64_t r = 0; r < n; ++r) {
      const T* from = static_cast<const T*>(y.data) + (row + r) * y.row_step;
      const float* gradient = d_y + r * width;
      for_vectors(hn::Lanes(d), 0, y.head_dim, [=](int64_t i, auto part) HWY_ATTR {
        hn::Store(
            hn::MulAdd(hn::Load(d, gradient + i), load(d, from + i, part), hn::Load(d, sums + i)),
            d, sums + i);
      });
    }
  });
}

// With xa = x a, u = ... + scale xa b and y = g u:
//   d_b = scale xa^T d_u,  d_xa = scale d_u b^T,  d_a = x^T d_xa,  d_u = g d_y,  d_g = sum of d_y
//   u.
// Each block of d_y and then of x is read once, for all of its products. d_b's factors come at
// the end; d_xa's are in the packed b.
void lora_backward_rows(const LoraShape& shape, const void* x, const float* xa,
                        const LoraWeights& weights, const void* d_y, const void* y,
                        const LoraScratch& s, float* d_xa, int64_t begin, int64_t end) {
  const HeadRows x_rows = matrix_rows(x, shape.type, shape.in);
  const HeadRows d_y_rows = matrix_rows(d_y, shape.type, shape.out);
  const int64_t in = round_up(shape.in, kMaxLanes), out = round_up(shape.out, kMaxLanes);
  std::fill_n(s.d_a, shape.rank * in, 0.0f);
  std::fill_n(s.d_b, shape.rank * out, 0.0f);
  std::fill_n(s.d_factors, out, 0.0f);
  for (int64_t row = begin; row < end; row += kLoraRows) {
    const int64_t n = std::min(kLoraRows, end - row);
    f32_words::load_left(d_y_rows, row, n, out, s.y);
    dots(n, shape.rank, out, s.y, weights.b, d_xa + row * shape.rank, shape.rank);
    add_transposed_product(shape.rank, out, n, xa + row * shape.rank, s.y, s.d_b);
    if (y != nullptr) {
      add_column_products(n, out, s.y, matrix_rows(y, shape.type, shape.out), row, s.d_factors);
    }
    if (x == nullptr) continue;
    f32_words::load_left(x_rows, row, n, in, s.x);
    add_transposed_product(shape.rank, in, n, d_xa + row * shape.rank, s.x, s.d_a);
  }
}

// Adds the threads' sums, in order, into the first one, times `factor`.
static void add_parts(std::span<float* const> parts, int64_t count, float factor) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t i = 0; i < count; i += lanes) {
    auto sum = hn::Load(d, parts[0] + i);
    for (size_t p = 1; p < parts.size(); ++p) sum = hn::Add(sum, hn::Load(d, parts[p] + i));
    hn::Store(hn::Mul(sum, hn::Set(d, factor)), d, parts[0] + i);
  }
}

void finish_gradients(const LoraShape& shape, float scale, std::span<float* const> d_a_parts,
                      std::span<float* const> d_b_parts, const LoraWeights& weights, float* d_a,
                      float* d_b, std::span<float* const> d_factor_parts,
                      const LoraFactors& factors) {
  const int64_t in = round_up(shape.in, kMaxLanes), out = round_up(shape.out, kMaxLanes);
  const int64_t rank = round_up(shape.rank, kMaxLanes);
  add_parts(d_b_parts, shape.rank * out, scale);
  if (d_a != nullptr) {
    add_parts(d_a_parts, shape.rank * in, 1.0f);
    HeadRows d_a_rows = matrix_rows(d_a_parts[0], ScalarType::f32, in);
    d_a_rows.head_dim = shape.in;
    f32_words::load_right_transposed(d_a_rows, 0, shape.rank, rank, weights.d_a);
    for (int64_t i = 0; i < shape.in; ++i) {
      std::copy_n(weights.d_a + i * rank, shape.rank, d_a + i * shape.rank);
    }
  }
  for (int64_t r = 0; r < shape.rank; ++r) {
    std::copy_n(d_b_parts[0] + r * out, shape.out, d_b + r * shape.out);
  }
  if (factors.values == nullptr) return;
  add_parts(d_factor_parts, out, 1.0f);
  for (int64_t i = 0; i < shape.out; ++i) {
    const float factor = factors.values[i];
    for (int64_t r = 0; r < shape.rank; ++r) d_b[r * shape.out + i] *= factor;
    factors.gradient[i] = factor == 0 ? 0 : d_factor_parts[0][i] / factor;
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(pack_a);
HWY_EXPORT(pack_b);
HWY_EXPORT(lora_down_rows);
HWY_EXPORT(lora_up_add_rows);
HWY_EXPORT(lora_backward_rows);
HWY_EXPORT(finish_gradients);

namespace {

void check(const LoraShape& shape, int64_t least_in = 1) {
  if (shape.rows < 0 || shape.in < least_in || shape.out < 1 || shape.rank < 1) {
    fail(
        "a LoRA adapter needs widths and a rank of at least 1; found {} rows, in {}, out {}, rank "
        "{}",
        shape.rows, shape.in, shape.out, shape.rank);
  }
}

size_t scratch_bytes(const LoraShape& shape, int64_t parts) {
  Carver size(nullptr);
  LoraWeights(size, shape);
  for (int64_t i = 0; i < parts; ++i) LoraScratch(size, shape);
  return size.used();
}

// Scratch for the weights and for each of `parts` threads.
struct Scratch {
  Scratch(const LoraShape& shape, int64_t parts) : weights_(lay_out(shape, parts)) {}

  const LoraWeights& weights() const { return weights_; }
  const LoraScratch& part(int64_t i) const { return parts_[static_cast<size_t>(i)]; }

 private:
  LoraWeights lay_out(const LoraShape& shape, int64_t parts) {
    Carver carver(reused_scratch(scratch_bytes(shape, parts)));
    const LoraWeights weights(carver, shape);
    for (int64_t i = 0; i < parts; ++i) parts_.emplace_back(carver, shape);
    return weights;
  }

  std::vector<LoraScratch> parts_;
  LoraWeights weights_;
};

// Calls work(part, begin, end) for the row ranges of all parts.
template <class Work>
void for_parts(const LoraShape& shape, int64_t parts, Work&& work) {
  run_parts(parts, [&](int64_t part, int) {
    work(part, part_begin(shape.rows, parts, part), part_begin(shape.rows, parts, part + 1));
  });
}

int64_t parts_for(const LoraShape& shape) {
  constexpr int64_t kGrain = 1 << 18;  // multiplications that are worth a thread
  return parts_of(shape.rows, kGrain / ((shape.in + shape.out) * shape.rank) + 1);
}

}  // namespace

size_t lora_scratch(const LoraShape& shape) { return scratch_bytes(shape, parts_for(shape)); }

void lora_down(const LoraShape& shape, const void* x, const float* a, float* xa) {
  check(shape);
  const int64_t parts = parts_for(shape);
  const Scratch scratch(shape, parts);
  GRAFT_DISPATCH(pack_a)(shape, a, scratch.weights().a);
  auto rows = GRAFT_DISPATCH(lora_down_rows);
  for_parts(shape, parts, [&](int64_t part, int64_t begin, int64_t end) {
    rows(shape, x, scratch.weights(), scratch.part(part), xa, begin, end);
  });
}

void lora_up_add(const LoraShape& shape, const float* xa, const float* b, float scale, void* y,
                 const float* factors) {
  check(shape);
  const int64_t parts = parts_for(shape);
  const Scratch scratch(shape, parts);
  GRAFT_DISPATCH(pack_b)(shape, b, scale, nullptr, scratch.weights().b);
  auto rows = GRAFT_DISPATCH(lora_up_add_rows);
  for_parts(shape, parts, [&](int64_t part, int64_t begin, int64_t end) {
    rows(shape, xa, scratch.weights(), factors, scratch.part(part), y, begin, end);
  });
}

void transpose(const float* matrix, int64_t rows, int64_t columns, float* transposed) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) transposed[c * rows + r] = matrix[r * columns + c];
  }
}

void lora_backward(const LoraShape& shape, const void* x, const float* xa, const float* b,
                   float scale, const void* d_y, float* d_a, float* d_b, float* d_xa,
                   const LoraFactors& factors) {
  check(shape, x == nullptr ? 0 : 1);
  const int64_t parts = parts_for(shape);
  const Scratch scratch(shape, parts);
  GRAFT_DISPATCH(pack_b)(shape, b, scale, factors.values, scratch.weights().b);
  auto rows = GRAFT_DISPATCH(lora_backward_rows);
  for_parts(shape, parts, [&](int64_t part, int64_t begin, int64_t end) {
    rows(shape, x, xa, scratch.weights(), d_y, factors.values == nullptr ? nullptr : factors.y,
         scratch.part(part), d_xa, begin, end);
  });
  std::vector<float*> d_a_parts, d_b_parts, d_factor_parts;
  for (int64_t part = 0; part < parts; ++part) {
    d_a_parts.push_back(scratch.part(part).d_a);
    d_b_parts.push_back(scratch.part(part).d_b);
    d_factor_parts.push_back(scratch.part(part).d_factors);
  }
  GRAFT_DISPATCH(finish_gradients)
  (shape, scale, d_a_parts, d_b_parts, scratch.weights(), d_a, d_b, d_factor_parts, factors);
}

}  // namespace graft::kernels
#endif
