#include "graft/ops/cost.h"

#include <graft_config.h>
#include <mlx/primitives.h>

#include <vector>

#include "graft/base/threads.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops {

std::optional<NodeCost> cost_of(const mx::array& node) {
#ifdef GRAFT_CPU_KERNELS
  const auto* own = dynamic_cast<const cpu::CpuPrimitive*>(&node.primitive());
  if (own == nullptr) return {};
  std::vector<cpu::Input> inputs;
  for (const mx::array& a : node.inputs()) {
    const bool is_leaf = a.status() == mx::array::Status::available;
    inputs.push_back({is_leaf ? a.data<char>() : nullptr});
  }
  const ThreadsScope threads(own->threads());
  return NodeCost{own->work(inputs), own->scratch(inputs)};
#else
  static_cast<void>(node);
  return {};
#endif
}

}  // namespace graft::ops
