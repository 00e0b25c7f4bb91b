#include "graft/ops/dropout.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include <cmath>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/dropout.h"

namespace graft::ops {
namespace {

mx::array word(uint32_t value) { return mx::array(value, mx::uint32); }

// As kernels::mixed_bits.
mx::array mixed(const mx::array& bits) {
  const auto round = [](const mx::array& x, uint32_t shift, uint32_t factor) {
    return mx::multiply(mx::bitwise_xor(x, mx::right_shift(x, word(shift))), word(factor));
  };
  const mx::array x = round(round(bits, 16, 0x7feb352du), 15, 0x846ca68bu);
  return mx::bitwise_xor(x, mx::right_shift(x, word(16)));
}

// As kernels::dropout_bits, [N, D].
mx::array bits_of(const mx::array& rows, int columns, uint64_t key) {
  const mx::array low = mixed(mx::bitwise_xor(rows, word(static_cast<uint32_t>(key))));
  const mx::array row = mixed(mx::bitwise_xor(low, word(static_cast<uint32_t>(key >> 32))));
  const mx::array column =
      mx::multiply(mx::astype(mx::arange(columns), mx::uint32), word(0x9e3779b9u));
  return mixed(mx::bitwise_xor(mx::expand_dims(row, 1), mx::expand_dims(column, 0)));
}

}  // namespace

mx::array dropout(const mx::array& x, float share, uint64_t key, const mx::array& rows) {
  const auto threshold = static_cast<uint32_t>(std::ldexp(static_cast<double>(share), 32));
  const float scale = 1 / (1 - share);
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::dropout(x, threshold, scale, key, rows);
#endif
  const mx::array kept = mx::greater_equal(bits_of(rows, x.shape(1), key), word(threshold));
  const mx::array scaled = mx::multiply(mx::astype(x, mx::float32), mx::array(scale));
  return mx::where(kept, mx::astype(scaled, x.dtype()), mx::zeros_like(x));
}

}  // namespace graft::ops
