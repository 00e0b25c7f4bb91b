#include "graft/nn/expert_linear.h"

#include <fmt/format.h>
#include <mlx/ops.h>

namespace graft::nn {

Linear ExpertLinear::expert(int index) const {
  const auto i = static_cast<size_t>(index);
  Linear one{paths.empty() ? fmt::format("{}.{}", path, index) : paths[i], weights[i], {}, {}};
  if (adapter) {
    const auto part = [&](const mx::array& stack) {
      return mx::transpose(ops::matrix_of(stack, index));
    };
    one.adapter = LoraAdapter{part(adapter->a), part(adapter->b), adapter->scale, adapter->dropout};
  }
  return one;
}

}  // namespace graft::nn
