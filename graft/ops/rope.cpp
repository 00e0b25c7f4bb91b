#include "graft/ops/rope.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/rope.h"

namespace graft::ops {
namespace {

mx::array portable_rope(const mx::array& x, const RopeTable& table, int head_dim) {
  int rows = x.shape(0), heads = x.shape(1) / head_dim, half = table.cos.shape(1);
  mx::array wide = mx::reshape(mx::astype(x, mx::float32), {rows, heads, head_dim});
  auto part = [&](int begin, int end) {
    return mx::slice(wide, {0, 0, begin}, {rows, heads, end});
  };
  mx::array first = part(0, half), second = part(half, 2 * half);
  mx::array cos = mx::expand_dims(table.cos, 1), sin = mx::expand_dims(table.sin, 1);
  std::vector<mx::array> rotated = {
      mx::subtract(mx::multiply(first, cos), mx::multiply(second, sin)),
      mx::add(mx::multiply(second, cos), mx::multiply(first, sin))};
  if (2 * half < head_dim) rotated.push_back(part(2 * half, head_dim));
  return mx::astype(mx::reshape(mx::concatenate(rotated, 2), x.shape()), x.dtype());
}

}  // namespace

mx::array rope(const mx::array& x, const RopeTable& table, int head_dim) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::rope(x, table, head_dim);
#endif
  return portable_rope(x, table, head_dim);
}

}  // namespace graft::ops
