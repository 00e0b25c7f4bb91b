#include "graft/nn/linear.h"

#include <mlx/ops.h>
#include <mlx/random.h>

#include "graft/ops/linear.h"

namespace graft::nn {
namespace {

mx::array dropped(const mx::array& x, float share) {
  mx::array kept = mx::random::bernoulli(mx::array(1 - share), x.shape());
  mx::array scaled = mx::multiply(x, mx::array(1 / (1 - share), x.dtype()));
  return mx::where(kept, scaled, mx::zeros_like(x));
}

}  // namespace

Linear Linear::expert(int index) const {
  const auto i = static_cast<size_t>(index);
  Linear one{expert_paths.empty() ? path : expert_paths[i], experts[i], {}, {}};
  if (adapter) {
    const auto part = [&](const mx::array& stack) {
      return mx::transpose(ops::matrix_of(stack, index));
    };
    one.adapter = LoraAdapter{part(adapter->a), part(adapter->b), adapter->scale, adapter->dropout};
  }
  return one;
}

std::vector<mx::array> project(const mx::array& x, const std::vector<const Linear*>& layers,
                               bool training) {
  std::vector<ops::Projection> projections;
  projections.reserve(layers.size());
  for (const Linear* layer : layers) {
    ops::Projection p{layer->weight, layer->bias, {}};
    if (layer->adapter) {
      const LoraAdapter& adapter = *layer->adapter;
      p.lora = ops::LoraUpdate{adapter.a, adapter.b, adapter.scale, {}};
      if (training && adapter.dropout > 0) p.lora->x = dropped(x, adapter.dropout);
    }
    projections.push_back(std::move(p));
  }
  return ops::linear(x, projections);
}

}  // namespace graft::nn
