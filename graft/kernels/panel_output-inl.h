// What becomes of a panel's sums, whatever its words are: kept for the next filling of the panel,
// or finished and stored. Included once per instruction set, after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_PANEL_OUTPUT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_PANEL_OUTPUT_INL_H_
#undef GRAFT_KERNELS_PANEL_OUTPUT_INL_H_
#else
#define GRAFT_KERNELS_PANEL_OUTPUT_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "graft/kernels/panel_units.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// Where the sums of a panel's columns go.
struct PanelOutput {
  const PanelCall* call;
  const float* bias;     ///< [kPanel], or null
  const float* factors;  ///< the same
  int64_t column;        ///< the panel's first
  float* sums;           ///< [rows, kPanel] from `first_row` on
  int64_t first_row;
  bool resume;  ///< continues from `sums`
  bool finish;  ///< stores the result; otherwise `sums`
};

/// The rows of a panel that are computed together, and how wide it is.
struct PanelRows {
  int64_t begin, end;
  int64_t columns, vectors;
};

/// Calls body(PanelOutput, PanelRows) for each panel of units [begin, end).
template <class Body>
HWY_INLINE void for_panels(const PanelCall& call, const PanelScratch& s, int64_t begin, int64_t end,
                           Body&& body) {
  const FloatTag d;
  const PanelProduct& p = call.product;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t blocks = (call.rows + kUnitRows - 1) / kUnitRows;
  while (begin < end) {
    const int64_t panel = begin / blocks, first = begin % blocks;
    const int64_t last = std::min(blocks, first + (end - begin));
    const int64_t columns = std::min(kPanel, p.columns - panel * kPanel);
    PanelOutput out{&call, nullptr, nullptr, panel * kPanel, s.sums, 0, false, false};
    if (p.bias != nullptr) {
      with_type(p.out_type, [&](auto tag) HWY_ATTR {
        using T = decltype(tag);
        const T* bias = static_cast<const T*>(p.bias) + out.column;
        for_vectors(hn::Lanes(d), 0, columns, [&](int64_t i, auto part) HWY_ATTR {
          hn::Store(load(d, bias + i, part), d, s.bias + i);
        });
      });
      out.bias = s.bias;
    }
    if (p.factors != nullptr) {
      for_vectors(hn::Lanes(d), 0, columns, [&](int64_t i, auto part) HWY_ATTR {
        hn::Store(load(d, p.factors + out.column + i, part), d, s.factors + i);
      });
      out.factors = s.factors;
    }
    out.first_row = call.first_row + first * kUnitRows;
    body(out, PanelRows{out.first_row, call.first_row + std::min(call.rows, last * kUnitRows),
                        columns, (columns + lanes - 1) / lanes});
    begin += last - first;
  }
}

/// Calls body(row, std::integral_constant<int, rows>()) for each block of kUnitRows rows of [row,
/// end), and for the rows that are left.
template <class Body>
HWY_INLINE void for_blocks(int64_t row, int64_t end, Body&& body) {
  for (; row + kUnitRows <= end; row += kUnitRows) {
    body(row, std::integral_constant<int, kUnitRows>());
  }
  switch (end - row) {
    case 1:
      return body(row, std::integral_constant<int, 1>());
    case 2:
      return body(row, std::integral_constant<int, 2>());
    case 3:
      return body(row, std::integral_constant<int, 3>());
    case 4:
      return body(row, std::integral_constant<int, 4>());
    case 5:
      return body(row, std::integral_constant<int, 5>());
  }
}

/// The sums that rows [row, row + kRows) and vectors [vector, vector + kVectors) go on from.
template <int kRows, int kVectors>
HWY_INLINE void load_sums(const PanelOutput& out, int64_t row, int64_t vector,
                          FloatVec (&sum)[kRows][kVectors]) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  if (!out.resume) {
    HWY_UNROLL(6)
    for (int r = 0; r < kRows; ++r) {
      HWY_UNROLL(4)
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Zero(d);
    }
    return;
  }
  const float* sums = out.sums + (row - out.first_row) * kPanel + vector * lanes;
  HWY_UNROLL(6)
  for (int r = 0; r < kRows; ++r) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::Load(d, sums + r * kPanel + v * lanes);
  }
}

/// Adds the terms of low rank.
template <int kRows, int kVectors>
HWY_INLINE void add_low_rank(const PanelOutput& out, int64_t row, int64_t vector,
                             FloatVec (&sum)[kRows][kVectors]) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const PanelProduct& p = out.call->product;
  const int64_t column = out.column + vector * lanes, left = p.columns - column;
  for (const LowRankTerm& term : p.low_rank) {
    for (int64_t k = 0; k < term.rank; ++k) {
      const float* right = term.right + k * p.columns + column;
      FloatVec b[kVectors];
      HWY_UNROLL(4)
      for (int v = 0; v < kVectors; ++v) {
        b[v] = (v + 1) * lanes <= left
                   ? hn::LoadU(d, right + v * lanes)
                   : load(d, right + v * lanes, Part{static_cast<size_t>(left - v * lanes)});
      }
      HWY_UNROLL(6)
      for (int r = 0; r < kRows; ++r) {
        const FloatVec a = hn::Set(d, term.scale * term.left[(row + r) * term.rank + k]);
        HWY_UNROLL(4)
        for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(a, b[v], sum[r][v]);
      }
    }
  }
}

/// Stores the sums to be resumed, or with all that the product still wants as the result.
template <int kRows, int kVectors>
HWY_INLINE void store_sums(const PanelOutput& out, int64_t row, int64_t vector,
                           FloatVec (&sum)[kRows][kVectors]) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const PanelProduct& p = out.call->product;
  if (!out.finish) {
    float* sums = out.sums + (row - out.first_row) * kPanel + vector * lanes;
    HWY_UNROLL(6)
    for (int r = 0; r < kRows; ++r) {
      HWY_UNROLL(4)
      for (int v = 0; v < kVectors; ++v) hn::Store(sum[r][v], d, sums + r * kPanel + v * lanes);
    }
    return;
  }
  add_low_rank(out, row, vector, sum);
  const int64_t column = out.column + vector * lanes;
  if (out.factors != nullptr) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      const FloatVec factors = hn::Load(d, out.factors + (vector + v) * lanes);
      HWY_UNROLL(6)
      for (int r = 0; r < kRows; ++r) sum[r][v] = hn::Mul(sum[r][v], factors);
    }
  }
  if (out.bias != nullptr) {
    HWY_UNROLL(4)
    for (int v = 0; v < kVectors; ++v) {
      const FloatVec bias = hn::Load(d, out.bias + (vector + v) * lanes);
      HWY_UNROLL(6)
      for (int r = 0; r < kRows; ++r) sum[r][v] = hn::Add(sum[r][v], bias);
    }
  }
  const int64_t left = p.columns - column;
  const auto store_as = [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    T* to_row = static_cast<T*>(p.out) + row * p.columns + column;
    HWY_UNROLL(6)
    for (int r = 0; r < kRows; ++r) {
      HWY_UNROLL(4)
      for (int v = 0; v < kVectors; ++v) {
        T* to = to_row + r * p.columns + v * lanes;
        const auto put = [&](auto part) HWY_ATTR {
          store(d, p.accumulate ? hn::Add(sum[r][v], load(d, to, part)) : sum[r][v], to, part);
        };
        if ((v + 1) * lanes <= left) {
          put(Whole{});
        } else {
          put(Part{static_cast<size_t>(left - v * lanes)});
        }
      }
    }
  };
  with_type(p.out_type, store_as);
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
