// Dot products of a few rows of weights with a few rows of x. Included once per instruction set,
// after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_MATVEC_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_MATVEC_INL_H_
#undef GRAFT_KERNELS_MATVEC_INL_H_
#else
#define GRAFT_KERNELS_MATVEC_INL_H_
#endif

#include "graft/kernels/matvec_operands.h"
#include "graft/kernels/quantized-inl.h"
#include "hwy/cache_control.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// Calls body(std::integral_constant<int, rows>) for 1, 2, 4 or 8 rows of x. The body is a generic
/// lambda marked HWY_ATTR.
template <class Body>
HWY_INLINE void with_rows(int64_t rows, Body&& body) {
  switch (rows) {
    case 1:
      return body(std::integral_constant<int, 1>());
    case 2:
      return body(std::integral_constant<int, 2>());
    case 4:
      return body(std::integral_constant<int, 4>());
    case 8:
      return body(std::integral_constant<int, 8>());
  }
}

/// Dot products, one per row of weights, that are gathered before they are written.
constexpr int64_t kDots = 64;

/// One sum for each of kW rows of weights and kX rows of x.
template <int kX, int kW>
struct Sums {
  hn::Vec<FloatTag> at[kW][kX];

  HWY_INLINE Sums() {
    for (auto& row : at) {
      for (auto& sum : row) sum = hn::Zero(FloatTag());
    }
  }

  HWY_INLINE void put(float* HWY_RESTRICT dots) const {
    for (int r = 0; r < kW; ++r) {
      for (int m = 0; m < kX; ++m) dots[m * kDots + r] = sum_of(FloatTag(), at[r][m]);
    }
  }
};

/// Prefetches `bytes` bytes of weights that will be read soon. Hardware prefetchers miss the
/// pattern of several short rows at once: without this, products with one row of x take twice the
/// time.
HWY_INLINE void prefetch(const void* weights, size_t bytes) {
  const char* at = static_cast<const char*>(weights);
  for (size_t i = 0; i < bytes; i += 64) hwy::Prefetch(at + i);
}

/// The products of kW rows of weights at `w` with each row of x; the one of weight row r and x row
/// m goes to dots[m * kDots + r].
template <int kX, int kW, class W>
HWY_INLINE void dense_dots(const W* w, const MatvecX& x, float* HWY_RESTRICT dots) {
  const FloatTag d;
  Sums<kX, kW> sums;
  for_vectors(hn::Lanes(d), 0, x.columns, [&](int64_t i, auto lanes) HWY_ATTR {
    prefetch(w + kW * (x.columns + i), kW * hn::Lanes(d) * sizeof(W));
    hn::Vec<FloatTag> weights[kW];
    for (int r = 0; r < kW; ++r) weights[r] = load(d, w + r * x.columns + i, lanes);
    for (int m = 0; m < kX; ++m) {
      const auto xs = load(d, x.row(m) + i, lanes);
      for (int r = 0; r < kW; ++r) sums.at[r][m] = hn::MulAdd(weights[r], xs, sums.at[r][m]);
    }
  });
  sums.put(dots);
}

/// Writes the dot products gathered for weight rows [w_row, w_row + count) to y, with its bias.
HWY_INLINE void write_dots(const MatvecY& y, int64_t w_row, int64_t count, const float* dots) {
  const FloatTag d;
  with_type(y.type, [&](auto tag) HWY_ATTR {
    using Y = decltype(tag);
    with_type(y.bias_type, [&](auto bias_tag) HWY_ATTR {
      using B = decltype(bias_tag);
      const B* bias = static_cast<const B*>(y.bias) + (y.bias == nullptr ? 0 : w_row);
      for (int64_t m = 0; m < y.rows; ++m) {
        Y* out = static_cast<Y*>(y.data) + m * y.columns + w_row;
        for_vectors(hn::Lanes(d), 0, count, [&](int64_t i, auto lanes) HWY_ATTR {
          auto v = load(d, dots + m * kDots + i, lanes);
          if (y.bias != nullptr) v = hn::Add(v, load(d, bias + i, lanes));
          store(d, v, out + i, lanes);
        });
      }
    });
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
