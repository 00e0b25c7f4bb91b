#include "graft/nn/expert_linear.h"

#include <fmt/format.h>
#include <mlx/ops.h>

namespace graft::nn {

Linear ExpertLinear::expert(int index) const {
  const auto i = static_cast<size_t>(index);
  Linear one{paths.empty() ? fmt::format("{}.{}", path, index) : paths[i],
             weights->trained && weights->stack ? ops::matrix_of(*weights->stack, index)
                                                : weights->each[i],
             {},
             {}};
  if (adapter) {
    const auto part = [&](const mx::array& stack) {
      return mx::transpose(ops::matrix_of(stack, index));
    };
    one.adapter = LoraAdapter{part(adapter->a), part(adapter->b), adapter->scale, adapter->dropout};
  }
  return one;
}

std::vector<mx::array> project(const mx::array& x, const mx::array& experts,
                               const std::vector<const ExpertLinear*>& layers,
                               const std::optional<DropoutKey>& dropout_key) {
  std::vector<ops::ExpertProjection> projections;
  projections.reserve(layers.size());
  for (const ExpertLinear* layer : layers) {
    if (layer->read != nullptr) layer->read->push_back(x);
    projections.push_back({layer->weights, update_of(layer->adapter, x, dropout_key, layer->path)});
  }
  return ops::expert_linear(x, experts, projections);
}

}  // namespace graft::nn
