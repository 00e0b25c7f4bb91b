#include "graft/lora/difference.h"

#include <mlx/linalg.h>
#include <mlx/ops.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "graft/base/error.h"
#include "graft/io/finite.h"
#include "graft/lora/gguf_order.h"
#include "graft/lora/layer_pairs.h"
#include "graft/lora/merge.h"

namespace graft::lora {
namespace {

// ||a b||: with a = Q R and b^T = Q' R', that of R R'^T.
double norm_of_product(const mx::array& a, const mx::array& b) {
  const mx::array ra = mx::linalg::qr(a, mx::Device::cpu).second;
  const mx::array rb = mx::linalg::qr(mx::transpose(b), mx::Device::cpu).second;
  const mx::array middle = mx::matmul(ra, mx::transpose(rb));
  return std::sqrt(double{mx::sum(mx::square(middle)).item<float>()});
}

// Of the update of a layer, by the experts' squares where there are several.
double norm_of(const AdapterFile& file, const std::map<std::string, LayerPair>& pairs,
               const std::string& layer) {
  const auto found = pairs.find(layer);
  if (found == pairs.end()) return 0;
  const mx::array a = mx::astype(found->second.a->load(), mx::float32);
  const mx::array b = mx::astype(found->second.b->load(), mx::float32);
  io::check_finite(a, file.path.string() + ": " + layer + ".lora_a");
  io::check_finite(b, file.path.string() + ": " + layer + ".lora_b");
  const double scale = std::abs(file.scale_of(layer));
  if (!found->second.is_of_experts()) return scale * norm_of_product(a, b);
  double squares = 0;
  for (int e = 0; e < a.shape(0); ++e) {
    const double norm =
        norm_of_product(mx::transpose(mx::take(a, e, 0)), mx::transpose(mx::take(b, e, 0)));
    squares += norm * norm;
  }
  return scale * std::sqrt(squares);
}

AdapterFile without_magnitudes(AdapterFile file) {
  std::erase_if(file.tensors, [](const auto& tensor) { return tensor.first.ends_with(".m"); });
  return file;
}

// Of those of layers that one of them lacks, all.
double difference_of_magnitudes(const AdapterFile& one, const AdapterFile& other) {
  const auto pairs = layer_pairs(one), others = layer_pairs(other);
  double squares = 0, all = 0;
  const auto square_of = [](const mx::array& m) {
    return double{mx::sum(mx::square(m)).item<float>()};
  };
  const auto numbers = [](const AdapterFile& file, const std::string& layer,
                          const LayerPair& pair) {
    const mx::array m = mx::astype(pair.m->load(), mx::float32);
    io::check_finite(m, file.path.string() + ": " + layer + ".m");
    return m;
  };
  for (const auto& [layer, pair] : pairs) {
    const mx::array m = numbers(one, layer, pair);
    all += square_of(m);
    const auto found = others.find(layer);
    squares += square_of(
        found == others.end() ? m : mx::subtract(m, numbers(other, layer, found->second)));
  }
  for (const auto& [layer, pair] : others) {
    if (pairs.count(layer) == 0) squares += square_of(numbers(other, layer, pair));
  }
  return std::sqrt(squares / std::max(all, 1e-30));
}

}  // namespace

double LayerDifference::cosine() const {
  if (one == 0 || other == 0) return 0;
  return (one * one + other * other - between * between) / (2 * one * other);
}

Difference difference(const AdapterFile& given, const AdapterFile& given_other) {
  settings_of(given);
  settings_of(given_other);
  const bool mixtral = has_mixtral_names(given) || has_mixtral_names(given_other);
  const auto named = [&](const AdapterFile& file) {
    const AdapterFile own = in_own_order(file, file.base.head_dim);
    return mixtral ? with_mixtral_names(own) : own;
  };
  AdapterFile one = named(given), other = named(given_other);
  if (is_dora(one) != is_dora(other)) {
    const AdapterFile& dora = is_dora(one) ? one : other;
    refuse_dora(dora, "comparison with one of LoRA");
  }
  Difference all;
  if (is_dora(one)) all.magnitudes = difference_of_magnitudes(one, other);
  one = without_magnitudes(std::move(one));
  other = without_magnitudes(std::move(other));
  one.base_fingerprint = other.base_fingerprint = "";  // those of two models may be compared
  const AdapterFile between = merged({{one, 1}, {other, -1}});
  const auto pairs_of_one = layer_pairs(one), pairs_of_other = layer_pairs(other);
  const auto pairs_between = layer_pairs(between);
  for (const auto& [layer, pair] : pairs_between) {
    const LayerDifference found{layer, norm_of(one, pairs_of_one, layer),
                                norm_of(other, pairs_of_other, layer),
                                norm_of(between, pairs_between, layer)};
    all.one = std::hypot(all.one, found.one);
    all.other = std::hypot(all.other, found.other);
    all.between = std::hypot(all.between, found.between);
    all.layers.push_back(found);
  }
  // Rounding leaves some 1e-7 of what cancels.
  if (!std::isfinite(all.one) || !std::isfinite(all.other)) {
    fail("{} or {} has numbers too large to compare", given.path.string(),
         given_other.path.string());
  }
  all.same = all.between <= 1e-6 * std::max(all.one, all.other) && all.magnitudes <= 1e-6;
  return all;
}

}  // namespace graft::lora
