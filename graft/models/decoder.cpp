#include "graft/models/decoder.h"

#include <mlx/ops.h>

#include <utility>

#include "graft/base/error.h"

namespace graft::models {
namespace {

// Multiplies by a factor that is 1 in most families; rounded once, as PyTorch does with a Python
// number.
mx::array scaled(const mx::array& x, float factor) {
  if (factor == 1) return x;
  return mx::astype(mx::multiply(mx::astype(x, mx::float32), mx::array(factor)), x.dtype());
}

float rounded(float number, mx::Dtype dtype) {
  return mx::astype(mx::astype(mx::array(number), dtype), mx::float32).item<float>();
}

// The residual stream with the pending delta added, and the input of the next part.
ops::AddNorm enter(const Hidden& hidden, const std::optional<nn::Norm>& norm) {
  if (norm) return norm->add(hidden.stream, hidden.delta);
  mx::array sum = hidden.delta ? mx::add(hidden.stream, *hidden.delta) : hidden.stream;
  return {sum, sum};
}

}  // namespace

void Block::add_to(std::vector<Part>& parts, int layer) {
  attention.add_to(parts, layer);
  std::visit([&](auto& feed_forward) { feed_forward.add_to(parts, layer); }, mlp);
  for (auto* norm : {&before_attention, &after_attention, &before_mlp, &after_mlp}) {
    if (*norm) parts.push_back({layer, &**norm});
  }
}

mx::array Block::feed_forward(const mx::array& x, const Dropout& dropout) const {
  return std::visit([&](const auto& layer) { return layer(x, dropout); }, mlp);
}

Decoder::Decoder(DecoderParts parts, const TensorSource& source)
    : parts_(std::move(parts)),
      has_own_head_(parts_.head.has_value()),
      head_{parts_.head_path, parts_.head.value_or(parts_.embedding.weight), parts_.head_bias, {}} {
  source.finish();
  parts_.head.reset();  // two handles of a matrix would keep the old one when it is trained
  parts_.head_bias.reset();
  dtype_ = source.activation_dtype();
  if (parts_.rounds_embedding_scale) {
    parts_.embedding_scale = rounded(parts_.embedding_scale, dtype_);
  }
  if (!parts_.blocks.empty()) head_dim_ = parts_.blocks.front().attention.head_dim();
  parameters_ = source.parameters();
  bytes_ = source.bytes();
}

Hidden Decoder::embed(const mx::array& ids, const Dropout& dropout) const {
  return {scaled(parts_.embedding(ids, dtype(), dropout), parts_.embedding_scale), {}};
}

void Decoder::untie_head() {
  if (!has_own_head_ && parts_.embedding.adapter) {
    fail("internal: a head is untied whose adapter is the embedding's");
  }
  // Two matrices from now on.
  if (!has_own_head_) bytes_ += parts_.embedding.weight.nbytes();
  has_own_head_ = true;
}

ops::Head Decoder::head(const mx::array& h, const Dropout& dropout) const {
  const auto adapter = has_own_head_ ? head_.adapter : parts_.embedding.adapter_as_linear();
  return {head_.weight, head_.bias, parts_.final_soft_cap,
          nn::update_of(adapter, h, dropout, head_.path)};
}

Hidden Decoder::layer(int index, const Hidden& hidden, const Context& context) const {
  const Block& block = parts_.blocks[static_cast<size_t>(index)];
  const ops::AddNorm in = enter(hidden, block.before_attention);
  mx::array attended = block.attention(index, in.normed, context);
  if (block.after_attention) attended = (*block.after_attention)(attended);
  attended = scaled(attended, parts_.residual_scale);
  if (block.parallel) {
    return {in.sum, mx::add(attended, block.feed_forward(in.normed, context.dropout))};
  }
  const ops::AddNorm mid = enter({in.sum, attended}, block.before_mlp);
  mx::array fed = block.feed_forward(mid.normed, context.dropout);
  if (block.after_mlp) fed = (*block.after_mlp)(fed);
  return {mid.sum, scaled(fed, parts_.residual_scale)};
}

mx::array Decoder::norm(const Hidden& hidden) const {
  return scaled(enter(hidden, parts_.norm).normed, parts_.output_scale);
}

std::vector<ops::RopeTable> Decoder::rope_tables(const std::vector<Sequence>& sequences) const {
  std::vector<ops::RopeTable> tables;
  for (const nn::Rope& rope : parts_.ropes) tables.push_back(rope.table(sequences));
  return tables;
}

std::vector<Part> Decoder::parts() {
  std::vector<Part> all;
  for (size_t i = 0; i < parts_.blocks.size(); ++i) {
    parts_.blocks[i].add_to(all, static_cast<int>(i));
  }
  all.push_back({-1, &parts_.norm});
  nn::Embedding& embedding = parts_.embedding;
  Matrix matrix{.path = embedding.path, .weight = &embedding.weight, .layer = &embedding};
  if (!has_own_head_) {
    matrix.tied = &head_.weight;
    matrix.tied_path = head_.path;
  }
  all.push_back({-1, std::move(matrix)});
  if (has_own_head_) {
    all.push_back({-1, Matrix{.path = head_.path, .weight = &head_.weight, .layer = &head_}});
  }
  if (head_.bias) all.push_back({-1, Vector{parts_.head_path + ".bias", &*head_.bias}});
  return all;
}

}  // namespace graft::models
