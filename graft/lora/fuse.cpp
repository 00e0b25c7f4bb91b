#include "graft/lora/fuse.h"

#include <mlx/ops.h>

#include "graft/base/error.h"
#include "graft/io/finite.h"

namespace graft::lora {
namespace {

ops::Weight quantized(const mx::array& weight, int group_size, int bits, mx::Dtype scale_dtype) {
  auto parts = mx::quantize(mx::astype(weight, scale_dtype), group_size, bits);
  return {parts[0], parts[1], parts[2], bits, group_size};
}

}  // namespace

mx::array adapted_matrix(const nn::Linear& layer) {
  const mx::array dense = ops::dequantized(layer.weight, mx::float32);
  if (!layer.adapter) return dense;
  const mx::array update = mx::transpose(mx::matmul(layer.adapter->a, layer.adapter->b));
  return mx::add(dense, mx::multiply(mx::array(layer.adapter->scale), update));
}

ops::Weight fused_weight(const nn::Linear& layer, const FusedFormat& format, bool checked) {
  const ops::Weight& w = layer.weight;
  const mx::array dense = adapted_matrix(layer);
  if (checked) io::check_finite(dense, layer.path + ".weight");
  mx::Dtype own = w.quantized() ? w.scales->dtype() : w.weight.dtype();
  switch (format.kind) {
    case FusedFormat::Kind::dense:
      return {mx::astype(dense, w.quantized() ? format.dense_dtype : own), {}, {}, 0, 0};
    case FusedFormat::Kind::quantized: {
      int group = w.quantized() ? w.group_size : kDefaultFusedGroup;
      if (layer.in() % group != 0) {
        fail(
            "{} has {} columns, which do not divide into groups of {}: it cannot be fused to {} "
            "bits",
            layer.path, layer.in(), group, format.bits);
      }
      return quantized(dense, group, format.bits, own);
    }
    case FusedFormat::Kind::as_is:
      break;
  }
  if (w.quantized()) return quantized(dense, w.group_size, w.bits, own);
  return {mx::astype(dense, own), {}, {}, 0, 0};
}

ops::Weight fused_weight(const nn::ExpertLinear& layer, const FusedFormat& format, bool checked) {
  std::vector<ops::Weight> fused;
  for (int expert = 0; expert < layer.count(); ++expert) {
    fused.push_back(fused_weight(layer.expert(expert), format, checked));
  }
  return ops::stacked(fused);
}

}  // namespace graft::lora
