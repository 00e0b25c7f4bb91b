#include "graft/lora/merge.h"

#include <mlx/linalg.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "graft/base/error.h"
#include "graft/io/finite.h"
#include "graft/io/tensor_info.h"
#include "graft/lora/embedding_adapter.h"
#include "graft/lora/gguf_order.h"
#include "graft/lora/layer_pairs.h"

namespace graft::lora {
namespace {

// A layer's adapter with its scale and weight in lora_b; of experts [E, ...].
struct Factors {
  AdapterTensor a, b;
};

Factors weighted(const LayerPair& pair, float by) {
  const AdapterTensor a = *pair.a, b = *pair.b;
  return {{a.shape, [a] { return mx::astype(a.load(), mx::float32); }},
          {b.shape,
           [b, by] { return mx::multiply(mx::astype(b.load(), mx::float32), mx::array(by)); }}};
}

AdapterTensor side_by_side(const AdapterTensor& one, const AdapterTensor& other, int axis,
                           const std::string& what) {
  mx::Shape shape = one.shape;
  const auto at = static_cast<size_t>(axis);
  mx::Shape expected = other.shape;
  if (expected.size() == shape.size()) expected[at] = shape[at];
  if (expected != shape) {
    fail("{} is {} in one adapter and {} in another: they are of different models", what,
         io::shape_text(one.shape), io::shape_text(other.shape));
  }
  shape[at] += other.shape[at];
  return {shape, [one, other, axis] { return mx::concatenate({one.load(), other.load()}, axis); }};
}

// U S V^T of a matrix [m, n], m <= n or not; thin.
struct Svd {
  mx::array u, s, vt;
};

Svd svd_of(const mx::array& matrix) {
  const auto parts = mx::linalg::svd(matrix, true, mx::Device::cpu);
  return {parts[0], parts[1], parts[2]};
}

// a [in, R], b [R, out] -> rank columns; `lost` is raised to what is cut off.
std::pair<mx::array, mx::array> cut(const mx::array& a, const mx::array& b, int rank,
                                    double& lost) {
  // a = Qa Ra and b^T = Qb Rb: a b = Qa (Ra Rb^T) Qb^T, and the middle is [R, R].
  const auto [qa, ra] = mx::linalg::qr(a, mx::Device::cpu);
  const auto [qb, rb] = mx::linalg::qr(mx::transpose(b), mx::Device::cpu);
  const Svd svd = svd_of(mx::matmul(ra, mx::transpose(rb)));
  const int have = svd.s.shape(0), keep = std::min(rank, have);
  mx::array s = svd.s;
  s.eval();
  double kept = 0, all = 0;
  for (int i = 0; i < have; ++i) {
    const double square = double{s.data<float>()[i]} * s.data<float>()[i];
    all += square;
    if (i < keep) kept += square;
  }
  if (all > 0) lost = std::max(lost, std::sqrt(std::max(0.0, 1 - kept / all)));
  const mx::array root = mx::sqrt(mx::slice(svd.s, {0}, {keep}));
  const mx::array u = mx::slice(svd.u, {0, 0}, {svd.u.shape(0), keep});
  const mx::array vt = mx::slice(svd.vt, {0, 0}, {keep, svd.vt.shape(1)});
  return {mx::multiply(mx::matmul(qa, u), root),
          mx::matmul(mx::multiply(mx::expand_dims(root, 1), vt), mx::transpose(qb))};
}

}  // namespace

AdapterFile merged(const std::vector<WeightedAdapter>& given) {
  std::vector<WeightedAdapter> adapters = given;
  if (given.size() > 1) {
    for (WeightedAdapter& one : adapters) one.file = in_own_order(one.file, one.file.base.head_dim);
  }
  if (std::any_of(given.begin(), given.end(),
                  [](const auto& one) { return has_mixtral_names(one.file); })) {
    for (WeightedAdapter& one : adapters) one.file = with_mixtral_names(one.file);
  }
  if (adapters.empty()) fail("there is no adapter to merge");
  if (adapters.size() == 1 && adapters[0].weight == 1) return adapters[0].file;
  for (const WeightedAdapter& one : adapters) {
    if (one.file.weights.empty()) continue;
    fail("{} holds weights that were trained as they are ({}): they cannot be added up or weighed",
         one.file.path.string(), one.file.weights.begin()->first);
  }
  AdapterFile sum = adapters.front().file;
  sum.tensors.clear();
  sum.scales.clear();
  sum.config = ordered_json::object();
  std::map<std::string, Factors> layers;
  std::optional<EmbeddingUpdate> embedding;
  for (const auto& [file, weight] : adapters) {
    settings_of(file);
    refuse_dora(file, "weighted sum");
    if (&file != &adapters.front().file) {
      sum.provenance.add(file.provenance);
      if (sum.base_fingerprint.empty()) sum.base_fingerprint = file.base_fingerprint;
      if (sum.base.model_type.empty()) sum.base = file.base;
      if (!file.base_fingerprint.empty() && file.base_fingerprint != sum.base_fingerprint) {
        fail("{} and {} were trained on different base models, or on other weights of one",
             sum.path.string(), file.path.string());
      }
    }
    if (!adapted_embedding(file).empty()) {
      if (embedding && *embedding != meaning_of_embedding(file)) {
        fail("{} and {} differ in what they make of a head that is the embedding",
             sum.path.string(), file.path.string());
      }
      sum.embedding = *(embedding = meaning_of_embedding(file));
    }
    for (const auto& [layer, pair] : layer_pairs(file)) {
      const Factors more = weighted(pair, weight * file.scale_of(layer));
      const auto [at, is_new] = layers.emplace(layer, more);
      if (is_new) continue;
      Factors& all = at->second;
      all.a = side_by_side(all.a, more.a, pair.a_axis(), layer + ".lora_a");
      all.b = side_by_side(all.b, more.b, pair.b_axis(), layer + ".lora_b");
    }
  }
  int rank = 0;
  for (const auto& [layer, factors] : layers) {
    rank = std::max(rank, factors.a.shape.at(1));
    sum.tensors.insert({layer + ".lora_a", factors.a});
    sum.tensors.insert({layer + ".lora_b", factors.b});
  }
  sum.settings = LoraSettings{.rank = rank, .scale = 1, .num_layers = -1};
  return sum;
}

Truncated truncated(const AdapterFile& adapter, int rank) {
  if (rank < 1) fail_usage("`rank` {} must be at least 1", rank);
  Truncated result{adapter};
  AdapterFile& file = result.file;
  settings_of(file);
  refuse_dora(file, "nearest of another `rank`");
  bool is_cut = false;
  for (const auto& [layer, pair] : layer_pairs(adapter)) {
    if (pair.rank() <= rank) continue;
    io::check_finite(pair.a->load(), file.path.string() + ": " + layer + ".lora_a");
    io::check_finite(pair.b->load(), file.path.string() + ": " + layer + ".lora_b");
    const Factors factors = weighted(pair, adapter.scale_of(layer));
    const mx::array a = factors.a.load(), b = factors.b.load();
    std::vector<mx::array> all_a, all_b;
    const bool experts = pair.is_of_experts();
    for (int e = 0; e < (experts ? a.shape(0) : 1); ++e) {
      // Of experts a is [R, in] and b [out, R].
      auto [cut_a, cut_b] = experts ? cut(mx::transpose(mx::take(a, e, 0)),
                                          mx::transpose(mx::take(b, e, 0)), rank, result.lost)
                                    : cut(a, b, rank, result.lost);
      all_a.push_back(experts ? mx::transpose(cut_a) : cut_a);
      all_b.push_back(experts ? mx::transpose(cut_b) : cut_b);
    }
    mx::array new_a = mx::contiguous(experts ? mx::stack(all_a, 0) : all_a[0]);
    mx::array new_b = mx::contiguous(experts ? mx::stack(all_b, 0) : all_b[0]);
    mx::eval(new_a, new_b);
    file.tensors.insert_or_assign(layer + ".lora_a", new_a);
    file.tensors.insert_or_assign(layer + ".lora_b", new_b);
    file.scales[layer] = 1;
    is_cut = true;
  }
  if (is_cut) {
    file.settings->half_is_frozen = false;
    file.settings->rank = 1;
    for (const auto& [layer, pair] : layer_pairs(file)) {
      file.settings->rank = std::max(file.settings->rank, pair.rank());
    }
  }
  file.config = ordered_json::object();
  return result;
}

}  // namespace graft::lora
