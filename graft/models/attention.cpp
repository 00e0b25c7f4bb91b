#include "graft/models/attention.h"

#include <mlx/ops.h>

#include "graft/ops/columns.h"

namespace graft::models {
namespace {

std::vector<nn::Linear> take_inputs(TensorSource& source, const std::string& path,
                                    const AttentionConfig& c) {
  const int q = c.options.heads * c.options.head_dim, kv = c.options.kv_heads * c.options.head_dim;
  const auto take = [&](const char* name, int out) {
    return source.linear(path + "." + name, out, c.hidden_size, c.qkv_bias);
  };
  if (c.fused) return {take("qkv_proj", q + 2 * kv)};
  return {take("q_proj", q), take("k_proj", kv), take("v_proj", kv)};
}

}  // namespace

mx::array HeadNorm::operator()(const mx::array& x) const {
  const int rows = static_cast<int>(x.size()) / width;
  mx::array normed = mx::reshape(norm(mx::reshape(x, {rows, width})), x.shape());
  if (!weights) return normed;
  const mx::array weighted = mx::multiply(mx::astype(normed, mx::float32), *weights);
  return mx::astype(weighted, x.dtype());
}

Attention::Attention(TensorSource& source, const std::string& path, const AttentionConfig& config)
    : config_(config),
      inputs_(take_inputs(source, path, config)),
      output_(source.linear(path + "." + config.output, config.hidden_size,
                            config.options.heads * config.options.head_dim, config.output_bias)) {}

Attention::Inputs Attention::project(const mx::array& x, const Dropout& dropout) const {
  if (config_.fused) {
    const int q = config_.options.heads * config_.options.head_dim;
    const int kv = config_.options.kv_heads * config_.options.head_dim;
    const auto parts = ops::split_columns(nn::project(x, {&inputs_[0]}, dropout)[0], {q, kv, kv});
    return {parts[0], parts[1], parts[2]};
  }
  const auto parts = nn::project(x, {&inputs_[0], &inputs_[1], &inputs_[2]}, dropout);
  return {parts[0], parts[1], parts[2]};
}

mx::array Attention::operator()(int index, const mx::array& x, const Context& context) const {
  auto [q, k, v] = project(x, context.dropout);
  if (q_norm) q = (*q_norm)(q);
  if (k_norm) k = (*k_norm)(k);
  if (config_.rope) {
    const ops::RopeTable& table = context.ropes[static_cast<size_t>(*config_.rope)];
    q = ops::rope(q, table, config_.options.head_dim);
    k = ops::rope(k, table, config_.options.head_dim);
  }
  const nn::LayerKeysValues seen =
      context.caches.empty() ? nn::LayerKeysValues{{k}, {v}}
                             : nn::append(context.caches, *context.sequences, index, k, v);
  mx::array attended = ops::attention(q, seen.k, seen.v, context.sequences, config_.options);
  return nn::project(attended, {&output_}, context.dropout)[0];
}

void Attention::add_to(std::vector<Part>& parts, int layer) {
  for (nn::Linear& input : inputs_) parts.push_back({layer, &input});
  parts.push_back({layer, &output_});
  for (auto* norm : {&q_norm, &k_norm}) {
    if (!*norm) continue;
    // With separate weights for each head, the norm itself has none.
    if ((*norm)->weights) {
      parts.push_back({layer, Vector{(*norm)->norm.path, &*(*norm)->weights}});
    } else {
      parts.push_back({layer, &(*norm)->norm});
    }
  }
}

}  // namespace graft::models
