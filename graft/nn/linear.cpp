#include "graft/nn/linear.h"

#include <mlx/ops.h>

namespace graft::nn {

std::pair<mx::array, mx::array> LoraAdapter::factors() const {
  if (!frozen) return {a, b};
  return {mx::concatenate({a, frozen->a}, 1), mx::concatenate({b, frozen->b}, 0)};
}

std::optional<ops::LoraUpdate> update_of(const std::optional<LoraAdapter>& adapter,
                                         const mx::array& x,
                                         const std::optional<DropoutKey>& dropout_key,
                                         const std::string& path) {
  if (!adapter) return {};
  const auto [a, b] = adapter->factors();
  ops::LoraUpdate update{a, b, adapter->scale, {}};
  if (adapter->magnitude) {
    update.factors = mx::divide(adapter->magnitude->m, adapter->magnitude->norms);
  } else if (dropout_key && adapter->dropout > 0) {
    update.x = dropout(x, adapter->dropout, *dropout_key, path);
  }
  return update;
}

namespace {

// DoRA with dropout: of x' = dropout(x), w x + (g - 1) w x' + g s (x' a) b is DoRA of x' and
// w (x - x').
mx::array dropped_dora(const mx::array& x, const Linear& layer, const DropoutKey& key) {
  const mx::array dropped = dropout(x, layer.adapter->dropout, key, layer.path);
  const auto adapted = ops::linear(
      dropped, {{layer.weight, layer.bias, update_of(layer.adapter, dropped, {}, layer.path)}});
  return mx::add(adapted[0], ops::linear(mx::subtract(x, dropped), {{layer.weight, {}, {}}})[0]);
}

}  // namespace

std::vector<mx::array> project(const mx::array& x, const std::vector<const Linear*>& layers,
                               const std::optional<DropoutKey>& dropout_key) {
  std::vector<ops::Projection> projections;
  projections.reserve(layers.size());
  const auto is_apart = [&](const Linear* layer) {
    return dropout_key && layer->adapter && layer->adapter->magnitude &&
           layer->adapter->dropout > 0;
  };
  for (const Linear* layer : layers) {
    if (layer->read != nullptr) layer->read->push_back(x);
    if (is_apart(layer)) continue;
    projections.push_back(
        {layer->weight, layer->bias, update_of(layer->adapter, x, dropout_key, layer->path)});
  }
  std::vector<mx::array> outputs;
  if (!projections.empty()) outputs = ops::linear(x, projections);
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!is_apart(layers[i])) continue;
    outputs.insert(outputs.begin() + static_cast<std::ptrdiff_t>(i),
                   dropped_dora(x, *layers[i], *dropout_key));
  }
  return outputs;
}

}  // namespace graft::nn
