#include "graft/nn/linear.h"

#include <mlx/ops.h>

namespace graft::nn {

std::optional<ops::LoraUpdate> update_of(const std::optional<LoraAdapter>& adapter,
                                         const mx::array& x,
                                         const std::optional<DropoutKey>& dropout_key,
                                         const std::string& path) {
  if (!adapter) return {};
  ops::LoraUpdate update{adapter->a, adapter->b, adapter->scale, {}};
  if (dropout_key && adapter->dropout > 0) {
    update.x = dropout(x, adapter->dropout, *dropout_key, path);
  }
  return update;
}

std::vector<mx::array> project(const mx::array& x, const std::vector<const Linear*>& layers,
                               const std::optional<DropoutKey>& dropout_key) {
  std::vector<ops::Projection> projections;
  projections.reserve(layers.size());
  for (const Linear* layer : layers) {
    projections.push_back(
        {layer->weight, layer->bias, update_of(layer->adapter, x, dropout_key, layer->path)});
  }
  return ops::linear(x, projections);
}

}  // namespace graft::nn
