#include "graft/ops/routes.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/ops/backend.h"
#include "graft/ops/cpu/routes.h"

namespace graft::ops {
namespace {

mx::array int32(const mx::array& indices) { return mx::astype(indices, mx::int32); }

// MLX sorts are stable: equals stay in their order.
Routes portable_route(const mx::array& logits, int chosen) {
  const int tokens = logits.shape(0);
  const mx::array order = mx::argsort(mx::negative(logits), -1);
  const mx::array choices = mx::contiguous(mx::slice(order, {0, 0}, {tokens, chosen}));
  const mx::array flat = mx::flatten(choices);
  const mx::array slots = mx::argsort(flat);  // by row: its place among the choices
  return {int32(choices), int32(mx::take(flat, slots)),
          int32(mx::floor_divide(slots, mx::array(chosen, mx::uint32))), int32(mx::argsort(slots))};
}

}  // namespace

Routes route(const mx::array& logits, int chosen) {
  const mx::array known = mx::stop_gradient(mx::astype(logits, mx::float32));
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::route(known, chosen);
#endif
  return portable_route(known, chosen);
}

}  // namespace graft::ops
