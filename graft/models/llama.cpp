#include "graft/models/llama.h"

#include <cmath>
#include <limits>

#include "graft/base/config_reader.h"
#include "graft/base/error.h"
#include "graft/models/tensor_source.h"
#include "graft/nn/rope.h"
#include "graft/ops/activation.h"
#include "graft/ops/attention.h"
#include "graft/ops/embedding.h"
#include "graft/ops/norm.h"

namespace graft::models {
namespace {

struct Config {
  int hidden_size;
  int num_hidden_layers;
  int intermediate_size;
  int num_attention_heads;
  int num_key_value_heads;
  int head_dim;
  int vocab_size;
  float rms_norm_eps;
  bool attention_bias;
  bool mlp_bias;
  bool tie_word_embeddings;
};

std::string config_path(const ModelFolder& folder) {
  return (folder.path() / "config.json").string();
}

Config parse(const json& object, const std::string& what) {
  ConfigReader read(object, what);
  auto integer = [&](const char* key, std::optional<int64_t> otherwise = {}) {
    return static_cast<int>(read.integer(key, otherwise));
  };
  Config c{};
  c.hidden_size = integer("hidden_size");
  c.num_hidden_layers = integer("num_hidden_layers");
  c.intermediate_size = integer("intermediate_size");
  c.num_attention_heads = integer("num_attention_heads");
  c.num_key_value_heads = integer("num_key_value_heads", c.num_attention_heads);
  c.head_dim = integer("head_dim", std::max(1, c.hidden_size / c.num_attention_heads));
  c.vocab_size = integer("vocab_size");
  c.rms_norm_eps = static_cast<float>(read.number("rms_norm_eps", 1e-6));
  c.attention_bias = read.boolean("attention_bias", false);
  c.mlp_bias = read.boolean("mlp_bias", false);
  c.tie_word_embeddings = read.boolean("tie_word_embeddings", false);
  if (c.num_attention_heads % c.num_key_value_heads != 0) {
    fail("{}: num_attention_heads {} is not a multiple of num_key_value_heads {}", what,
         c.num_attention_heads, c.num_key_value_heads);
  }
  if (int64_t{c.num_attention_heads} * c.head_dim > std::numeric_limits<int>::max()) {
    fail("{}: {} heads of width {} are too many", what, c.num_attention_heads, c.head_dim);
  }
  std::string activation = read.text("hidden_act", "silu");
  if (activation != "silu" && activation != "swish") {
    fail("{}: hidden_act '{}' is not supported in a llama model; supported: silu", what,
         activation);
  }
  return c;
}

struct Layer {
  mx::array input_layernorm;           // [D]
  mx::array post_attention_layernorm;  // [D]
  nn::Linear q_proj;                   // [H*C, D]
  nn::Linear k_proj;                   // [K*C, D]
  nn::Linear v_proj;                   // [K*C, D]
  nn::Linear o_proj;                   // [D, H*C]
  nn::Linear gate_proj;                // [F, D]
  nn::Linear up_proj;                  // [F, D]
  nn::Linear down_proj;                // [D, F]
};

Layer take_layer(TensorSource& source, const Config& c, int index) {
  std::string at = fmt::format("model.layers.{}.", index);
  int q = c.num_attention_heads * c.head_dim, kv = c.num_key_value_heads * c.head_dim;
  int d = c.hidden_size, f = c.intermediate_size;
  return {source.vector(at + "input_layernorm.weight", d),
          source.vector(at + "post_attention_layernorm.weight", d),
          source.linear(at + "self_attn.q_proj", q, d, c.attention_bias),
          source.linear(at + "self_attn.k_proj", kv, d, c.attention_bias),
          source.linear(at + "self_attn.v_proj", kv, d, c.attention_bias),
          source.linear(at + "self_attn.o_proj", d, q, c.attention_bias),
          source.linear(at + "mlp.gate_proj", f, d, c.mlp_bias),
          source.linear(at + "mlp.up_proj", f, d, c.mlp_bias),
          source.linear(at + "mlp.down_proj", d, f, c.mlp_bias)};
}

class Llama final : public Model {
 public:
  Llama(const ModelFolder& folder, std::optional<mx::Dtype> dtype)
      : Llama(TensorSource(folder, dtype), folder) {}

  int num_layers() const override { return config_.num_hidden_layers; }
  int vocab_size() const override { return config_.vocab_size; }

  Hidden embed(const mx::array& ids) const override {
    return {ops::embedding(ids, embed_tokens_, dtype()), {}};
  }

  Hidden layer(int index, const Hidden& hidden, const Context& context) const override {
    const Layer& l = layers_[static_cast<size_t>(index)];
    ops::AddNorm in = enter(hidden, l.input_layernorm);
    mx::array attended = attention(index, in.normed, context);
    ops::AddNorm mid =
        ops::add_rms_norm(in.sum, attended, l.post_attention_layernorm, config_.rms_norm_eps);
    return {mid.sum, mlp(l, mid.normed, context)};
  }

  mx::array norm(const Hidden& hidden) const override { return enter(hidden, norm_).normed; }

  const ops::Weight& head() const override { return lm_head_ ? *lm_head_ : embed_tokens_; }

  ops::RopeTable rope_table(const std::vector<Sequence>& sequences) const override {
    return rope_.table(sequences);
  }

  std::vector<nn::Linear*> linears() override {
    std::vector<nn::Linear*> all;
    for (Layer& l : layers_) {
      all.insert(all.end(), {&l.q_proj, &l.k_proj, &l.v_proj, &l.o_proj, &l.gate_proj, &l.up_proj,
                             &l.down_proj});
    }
    return all;
  }

  std::vector<std::string> default_lora_keys() const override {
    return {"self_attn.q_proj", "self_attn.v_proj"};
  }

 private:
  Llama(TensorSource source, const ModelFolder& folder)
      : config_(parse(folder.config(), config_path(folder))),
        rope_(nn::Rope::from_config(folder.config(), config_.head_dim, config_path(folder))),
        embed_tokens_(source.matrix("model.embed_tokens", config_.vocab_size, config_.hidden_size)),
        norm_(source.vector("model.norm.weight", config_.hidden_size)) {
    for (int i = 0; i < config_.num_hidden_layers; ++i) {
      layers_.push_back(take_layer(source, config_, i));
    }
    if (!config_.tie_word_embeddings && source.has("lm_head.weight")) {
      lm_head_ = source.matrix("lm_head", config_.vocab_size, config_.hidden_size);
    } else {
      // A tied head that was stored anyway is the embedding again.
      for (const char* part : {"weight", "scales", "biases"}) {
        source.ignore(std::string("lm_head.") + part);
      }
    }
    source.finish();
    dtype_ = source.activation_dtype();
    parameters_ = source.parameters();
    bytes_ = source.bytes();
  }

  // The pending sum of the residual stream, and its norm.
  ops::AddNorm enter(const Hidden& hidden, const mx::array& weight) const {
    if (!hidden.delta) {
      return {hidden.stream, ops::rms_norm(hidden.stream, weight, config_.rms_norm_eps)};
    }
    return ops::add_rms_norm(hidden.stream, *hidden.delta, weight, config_.rms_norm_eps);
  }

  mx::array attention(int index, const mx::array& x, const Context& context) const {
    const Layer& l = layers_[static_cast<size_t>(index)];
    auto qkv = nn::project(x, {&l.q_proj, &l.k_proj, &l.v_proj}, context.training);
    mx::array q = ops::rope(qkv[0], context.rope, config_.head_dim);
    mx::array k = ops::rope(qkv[1], context.rope, config_.head_dim);
    mx::array v = qkv[2];
    if (context.cache != nullptr) std::tie(k, v) = context.cache->append(index, k, v);
    ops::AttentionOptions options{config_.num_attention_heads, config_.num_key_value_heads,
                                  config_.head_dim,
                                  1.0f / std::sqrt(static_cast<float>(config_.head_dim))};
    mx::array attended = ops::attention(q, k, v, context.sequences, options);
    return nn::project(attended, {&l.o_proj}, context.training)[0];
  }

  mx::array mlp(const Layer& l, const mx::array& x, const Context& context) const {
    auto gate_up = nn::project(x, {&l.gate_proj, &l.up_proj}, context.training);
    mx::array activated = ops::gated_activation(Activation::silu, gate_up[0], gate_up[1]);
    return nn::project(activated, {&l.down_proj}, context.training)[0];
  }

  Config config_;
  nn::Rope rope_;
  ops::Weight embed_tokens_;            // [V, D]
  mx::array norm_;                      // [D]
  std::optional<ops::Weight> lm_head_;  // [V, D]; none: tied to the embedding
  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<Model> make_llama(const ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  return std::make_unique<Llama>(folder, dtype);
}

}  // namespace graft::models
