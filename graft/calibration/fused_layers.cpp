#include "graft/calibration/fused_layers.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "graft/calibration/experts.h"
#include "graft/calibration/layer_walk.h"
#include "graft/calibration/rounding.h"
#include "graft/calibration/second_moments.h"

namespace graft::calibration {
namespace {

// As it was, with its adapter.
nn::Linear linear_before(const FusedLayer& layer) {
  return {layer.path(), layer.weight, {}, layer.adapter};
}
nn::Embedding embedding_before(const FusedLayer& layer) {
  return {layer.path(), layer.weight, layer.adapter};
}
nn::ExpertLinear experts_before(const FusedLayer& layer) {
  nn::ExpertLinear before = *std::get<nn::ExpertLinear*>(layer.part.linear);
  before.weights = layer.experts;
  before.adapter = layer.adapter;
  return before;
}

// An embedding of its own multiplies nothing: the nearest is the best for its rows.
bool is_rounded(const FusedLayer& layer) {
  return layer.setting && (!layer.part.is_embedding() || layer.head != nullptr);
}

// Of what has no experts.
void put_weight(const FusedLayer& layer, const ops::Weight& weight) {
  if (auto* const* linear = std::get_if<nn::Linear*>(&layer.part.linear)) {
    (*linear)->weight = weight;
    return;
  }
  std::get<nn::Embedding*>(layer.part.linear)->weight = weight;
  if (layer.head != nullptr) *layer.head = weight;
}

// Gives a layer the weights that stand for it and its adapter: `fused` makes each of a linear layer
// or an embedding with one.
template <class Fused>
void fuse(const FusedLayer& layer, Fused&& fused) {
  const auto evaluated = [&](const auto& one) {
    ops::Weight weight = fused(one);
    mx::eval(weight.arrays());
    return weight;
  };
  layer.part.adapter().reset();
  if (std::holds_alternative<nn::Linear*>(layer.part.linear)) {
    return put_weight(layer, evaluated(linear_before(layer)));
  }
  if (layer.part.is_embedding()) return put_weight(layer, evaluated(embedding_before(layer)));
  const nn::ExpertLinear before = experts_before(layer);
  std::vector<ops::Weight> each;
  for (int e = 0; e < before.count(); ++e) each.push_back(evaluated(before.expert(e)));
  std::get<nn::ExpertLinear*>(layer.part.linear)->weights = expert_weights(std::move(each));
}

// The head's matrix, if it is this embedding.
ops::Weight* tied_head(models::Model& model, const models::LinearPart& embedding) {
  for (const models::Part& part : model.parts()) {
    const auto* matrix = std::get_if<models::Matrix>(&part.part);
    if (matrix != nullptr && matrix->layer == embedding.linear) return matrix->tied;
  }
  return nullptr;
}

lora::FusedFormat in_affine(lora::FusedFormat format, int bits) {
  format.kind = lora::FusedFormat::Kind::quantized;
  format.bits = bits;
  return format;
}

}  // namespace

size_t FusedLayer::bytes() const {
  if (!experts) return weight.nbytes();
  size_t bytes = 0;
  for (const ops::Weight& one : experts->each) bytes += one.nbytes();
  return bytes;
}

FusedLayers::FusedLayers(models::Model& model, const lora::Adapters& adapters,
                         const lora::FusedFormat& format)
    : model_(model), format_(format) {
  for (const models::LinearPart& part : adapters.linears()) {
    FusedLayer layer{.part = part,
                     .weight = part.weight(),
                     .adapter = part.adapter(),
                     .setting = lora::fused_quantization(part.weight(), format)};
    if (part.is_embedding()) layer.head = tied_head(model, part);
    if (auto* const* experts = std::get_if<nn::ExpertLinear*>(&part.linear)) {
      layer.experts = (*experts)->weights;
    }
    lora::check_divides(part.path(), part.weight().in(), layer.setting);
    layers_.push_back(std::move(layer));
  }
}

size_t FusedLayers::count_rounded() const {
  return static_cast<size_t>(std::count_if(layers_.begin(), layers_.end(), is_rounded));
}

void FusedLayers::round_to_nearest() {
  for (const FusedLayer& layer : layers_) {
    fuse(layer, [&](const auto& one) { return lora::fused_weight(one, format_, true); });
  }
}

bool FusedLayers::raise(size_t index, int bits) {
  FusedLayer& layer = layers_[index];
  const auto setting = lora::fused_quantization(layer.weight, in_affine(format_, bits));
  if (!layer.setting || layer.setting->bits >= bits ||
      layer.weight.in() % setting->group_size != 0) {
    return false;
  }
  fuse(layer,
       [&](const auto& one) { return lora::fused_weight(one, in_affine(format_, bits), true); });
  layer.setting = setting;
  return true;
}

void FusedLayers::round_to_inputs(const std::vector<data::Batch>& batches,
                                  const std::function<void(size_t)>& done) {
  std::vector<models::LinearPart> linears;
  std::vector<size_t> indices;
  size_t rounded = 0;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const FusedLayer& layer = layers_[i];
    if (!is_rounded(layer)) continue;
    if (!layer.part.is_embedding()) {
      linears.push_back(layer.part);
      indices.push_back(i);
      continue;
    }
    // First: what the layers are rounded for is what the embedding gives them then.
    visit_layers(model_, batches, {layer.part}, [&](size_t, const mx::array& moments) {
      round_to_moments(layer, with_lookups(moments));
    });
    done(++rounded);
  }
  visit_layers(model_, batches, linears, [&](size_t i, const mx::array& moments) {
    round_to_moments(layers_[indices[i]], moments);
    done(++rounded);
  });
}

void FusedLayers::round_to_moments(const FusedLayer& layer, const mx::array& moments) {
  fuse(layer, [&](const auto& one) {
    const ops::Weight& before = one.weight;
    const bool alike =
        before.quantized() &&
        *layer.setting == io::LayerQuantization{before.group_size, before.bits, before.mode};
    const mx::Dtype dtype = before.quantized() && !has_biases(before.mode)
                                ? format_.dense_dtype
                                : before.arrays().back().dtype();
    return rounded(lora::adapted_matrix(one), moments,
                   {.setting = *layer.setting,
                    .dtype = dtype,
                    .before = alike ? std::optional(before) : std::nullopt});
  });
}

bool FusedLayers::restore(size_t index) {
  FusedLayer& layer = layers_[index];
  if (layer.part.adapter()) return false;
  put(index, {layer.weight, layer.experts, layer.adapter, layer.setting});
  return true;
}

double FusedLayers::error_of(size_t index) const {
  const FusedLayer& layer = layers_[index];
  if (layer.part.adapter()) return 0;
  double lost = 0, changed = 0;
  const auto add = [&](const auto& before, const ops::Weight& now) {
    const mx::array wanted = lora::adapted_matrix(before);
    const auto distance = [&](const ops::Weight& weight) {
      mx::array square =
          mx::sum(mx::square(mx::subtract(wanted, ops::dequantized(weight, mx::float32))));
      return static_cast<double>(square.item<float>());
    };
    lost += distance(now);
    changed += distance(before.weight);
  };
  if (auto* const* linear = std::get_if<nn::Linear*>(&layer.part.linear)) {
    add(linear_before(layer), (*linear)->weight);
  } else if (layer.part.is_embedding()) {
    add(embedding_before(layer), layer.part.weight());
  } else {
    const nn::ExpertLinear before = experts_before(layer);
    const nn::ExpertLinear& now = *std::get<nn::ExpertLinear*>(layer.part.linear);
    for (int e = 0; e < before.count(); ++e) add(before.expert(e), now.expert(e).weight);
  }
  return changed > 0 ? std::sqrt(lost / changed) : 0;
}

FusedLayers::Kept FusedLayers::keep(size_t index) const {
  const FusedLayer& layer = layers_[index];
  Kept kept{layer.part.weight(), {}, layer.part.adapter(), layer.setting};
  if (auto* const* experts = std::get_if<nn::ExpertLinear*>(&layer.part.linear)) {
    kept.experts = (*experts)->weights;
  }
  return kept;
}

std::vector<FusedLayers::Kept> FusedLayers::keep_all() const {
  std::vector<Kept> kept;
  for (size_t i = 0; i < layers_.size(); ++i) kept.push_back(keep(i));
  return kept;
}

void FusedLayers::put_all(const std::vector<Kept>& kept) {
  for (size_t i = 0; i < kept.size(); ++i) put(i, kept[i]);
}

void FusedLayers::put(size_t index, const Kept& kept) {
  FusedLayer& layer = layers_[index];
  layer.part.adapter() = kept.adapter;
  layer.setting = kept.setting;
  if (auto* const* experts = std::get_if<nn::ExpertLinear*>(&layer.part.linear)) {
    (*experts)->weights = kept.experts;
  } else {
    put_weight(layer, kept.weight);
  }
}

size_t FusedLayers::bytes() const {
  size_t bytes = 0;
  const auto add = [&bytes](const models::LinearPart& part) {
    if (auto* const* experts = std::get_if<nn::ExpertLinear*>(&part.linear)) {
      for (const ops::Weight& one : (*experts)->weights->each) bytes += one.nbytes();
    } else {
      bytes += part.weight().nbytes();
    }
    if (const auto& adapter = part.adapter()) {
      bytes += adapter->a.nbytes() + adapter->b.nbytes();
      if (adapter->magnitude) bytes += adapter->magnitude->m.nbytes();
      if (adapter->frozen) bytes += adapter->frozen->a.nbytes() + adapter->frozen->b.nbytes();
    }
  };
  for (const FusedLayer& layer : layers_) add(layer.part);
  return bytes;
}

}  // namespace graft::calibration
