// Scales and biases of the groups of a panel of integers. Included once per instruction set, after
// graft/kernels/targets.h.

#if defined(GRAFT_KERNELS_PANEL_GROUPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GRAFT_KERNELS_PANEL_GROUPS_INL_H_
#undef GRAFT_KERNELS_PANEL_GROUPS_INL_H_
#else
#define GRAFT_KERNELS_PANEL_GROUPS_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "graft/kernels/panel_units.h"
#include "graft/kernels/quantized-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

/// Those of groups [first, first + count) of rows [column, column + columns) of a matrix, in f32
/// [count, kPanel]; of columns up to a whole vector they are zero.
inline void pack_group_numbers(const QuantizedMatrix& m, int64_t first, int64_t count,
                               int64_t column, int64_t columns, const PanelScratch& s) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), groups = m.columns / m.group_size;
  for (int64_t c = 0; c < columns; ++c) {
    for_group_numbers(m, (column + c) * groups + first, count,
                      [&](int64_t i, FloatVec scales, FloatVec biases) HWY_ATTR {
                        alignas(64) float scale[kMaxLanes], bias[kMaxLanes];
                        hn::Store(scales, d, scale);
                        hn::Store(biases, d, bias);
                        for (int64_t g = i; g < std::min(count, i + lanes); ++g) {
                          s.group_scales[g * kPanel + c] = scale[g - i];
                          s.group_biases[g * kPanel + c] = bias[g - i];
                        }
                      });
  }
  const int64_t rest = round_up(columns, lanes) - columns;
  for (int64_t g = 0; g < count; ++g) {
    std::fill_n(s.group_scales + g * kPanel + columns, rest, 0.0f);
    std::fill_n(s.group_biases + g * kPanel + columns, rest, 0.0f);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#endif
