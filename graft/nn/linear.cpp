#include "graft/nn/linear.h"

#include <mlx/ops.h>

#include "graft/ops/linear.h"

namespace graft::nn {

std::vector<mx::array> project(const mx::array& x, const std::vector<const Linear*>& layers,
                               const std::optional<DropoutKey>& dropout_key) {
  std::vector<ops::Projection> projections;
  projections.reserve(layers.size());
  for (const Linear* layer : layers) {
    ops::Projection p{layer->weight, layer->bias, {}};
    if (layer->adapter) {
      const LoraAdapter& adapter = *layer->adapter;
      p.lora = ops::LoraUpdate{adapter.a, adapter.b, adapter.scale, {}};
      if (dropout_key && adapter.dropout > 0) {
        p.lora->x = dropout(x, adapter.dropout, *dropout_key, layer->path);
      }
    }
    projections.push_back(std::move(p));
  }
  return ops::linear(x, projections);
}

}  // namespace graft::nn
