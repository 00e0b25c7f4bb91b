#include "graft/lora/fuse.h"

#include <mlx/ops.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/io/finite.h"

namespace graft::lora {
namespace {

// The type of what is written: of a dense weight, or of the scales of mode affine.
mx::Dtype own_dtype(const ops::Weight& w, const FusedFormat& format) {
  if (!w.quantized()) return w.weight.dtype();
  return has_biases(w.mode) ? w.scales->dtype() : format.dense_dtype;
}

// Rows of these norms; one of norm 0 stays.
mx::array with_norms(const mx::array& weight, const mx::array& norms) {
  const mx::array now = mx::sqrt(mx::sum(mx::square(weight), 1));
  const mx::array factors =
      mx::where(mx::greater(now, mx::array(0.0f)), mx::divide(norms, now), mx::array(0.0f));
  return mx::multiply(mx::expand_dims(factors, 1), weight);
}

}  // namespace

mx::array adapted_matrix(const nn::Linear& layer) {
  const mx::array dense = ops::dequantized(layer.weight, mx::float32);
  if (!layer.adapter) return dense;
  const auto [a, b] = layer.adapter->factors();
  const mx::array update = mx::transpose(mx::matmul(a, b));
  const mx::array sum = mx::add(dense, mx::multiply(mx::array(layer.adapter->scale), update));
  return layer.adapter->magnitude ? with_norms(sum, layer.adapter->magnitude->m) : sum;
}

mx::array adapted_matrix(const nn::Embedding& embedding) {
  const mx::array dense = ops::dequantized(embedding.weight, mx::float32);
  if (!embedding.adapter) return dense;
  const nn::LoraAdapter& adapter = *embedding.adapter;
  return mx::add(dense, mx::multiply(mx::array(adapter.scale), mx::matmul(adapter.a, adapter.b)));
}

std::optional<io::LayerQuantization> fused_quantization(const ops::Weight& now,
                                                        const FusedFormat& format) {
  switch (format.kind) {
    case FusedFormat::Kind::dense:
      return std::nullopt;
    case FusedFormat::Kind::quantized: {
      const std::span<const int> sizes = group_sizes_of(QuantizationMode::affine);
      const int smallest = *std::min_element(sizes.begin(), sizes.end());
      const int group = now.quantized() ? std::max(now.group_size, smallest)
                                        : default_group_size(QuantizationMode::affine);
      return io::LayerQuantization{group, format.bits};
    }
    case FusedFormat::Kind::as_is:
      break;
  }
  if (!now.quantized()) return std::nullopt;
  return io::LayerQuantization{now.group_size, now.bits, now.mode};
}

void check_divides(const std::string& path, int in,
                   const std::optional<io::LayerQuantization>& setting) {
  if (!setting || in % setting->group_size == 0) return;
  fail("{} has {} columns, which do not divide into groups of {}: it cannot be fused to {} bits",
       path, in, setting->group_size, setting->bits);
}

namespace {

// Of a linear layer or the embedding.
template <class Layer>
ops::Weight fused_matrix(const Layer& layer, const FusedFormat& format, bool checked) {
  const ops::Weight& w = layer.weight;
  const auto setting = fused_quantization(w, format);
  if (!layer.adapter && setting && setting == fused_quantization(w, {})) return w;
  const mx::array dense = adapted_matrix(layer);
  if (checked) io::check_finite(dense, layer.path + ".weight");
  const mx::Dtype own = own_dtype(w, format);
  if (!setting) {
    const bool becomes_dense = format.kind == FusedFormat::Kind::dense && w.quantized();
    return {mx::astype(dense, becomes_dense ? format.dense_dtype : own), {}, {}, 0, 0};
  }
  check_divides(layer.path, w.in(), setting);
  return ops::quantized_as(dense, setting->mode, setting->bits, setting->group_size, own);
}

}  // namespace

ops::Weight fused_weight(const nn::Linear& layer, const FusedFormat& format, bool checked) {
  return fused_matrix(layer, format, checked);
}

ops::Weight fused_weight(const nn::Embedding& embedding, const FusedFormat& format, bool checked) {
  return fused_matrix(embedding, format, checked);
}

ops::Weight fused_weight(const nn::ExpertLinear& layer, const FusedFormat& format, bool checked) {
  std::vector<ops::Weight> fused;
  for (int expert = 0; expert < layer.count(); ++expert) {
    fused.push_back(fused_weight(layer.expert(expert), format, checked));
  }
  return ops::stacked(fused);
}

}  // namespace graft::lora
