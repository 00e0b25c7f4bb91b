// The rows of a left operand side by side, as a tile reads them. Included once per instruction set,
// after graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_INTERLEAVE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_INTERLEAVE_INL_H_
#undef GRAFT_KERNELS_INTERLEAVE_INL_H_
#else
#define GRAFT_KERNELS_INTERLEAVE_INL_H_
#endif

#include <cstdint>

#include "graft/kernels/panel_units.h"
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// `count` rows [count, row_step] of words of 32 bits as out [words, count]. Fast for kUnitRows.
template <class Word>
inline void interleave_rows(const Word* rows, int64_t row_step, int64_t count, int64_t words,
                            Word* out) {
  int64_t k = 0;
#if HWY_TARGET != HWY_SCALAR
  if (count == kUnitRows) {
    const hn::CappedTag<Word, 4> d;
    const hn::Repartition<uint64_t, decltype(d)> pairs;
    for (; k + 4 <= words; k += 4) {
      const auto row = [&](int64_t r) HWY_ATTR { return hn::LoadU(d, rows + r * row_step + k); };
      const auto low = [&](int64_t r) HWY_ATTR {
        return hn::BitCast(pairs, hn::InterleaveLower(d, row(r), row(r + 1)));
      };
      const auto high = [&](int64_t r) HWY_ATTR {
        return hn::BitCast(pairs, hn::InterleaveUpper(d, row(r), row(r + 1)));
      };
      auto* to = reinterpret_cast<uint64_t*>(out + k * kUnitRows);
      hn::StoreInterleaved3(low(0), low(2), low(4), pairs, to);
      hn::StoreInterleaved3(high(0), high(2), high(4), pairs, to + kUnitRows);
    }
  }
#endif
  for (; k < words; ++k) {
    for (int64_t r = 0; r < count; ++r) out[k * count + r] = rows[r * row_step + k];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
