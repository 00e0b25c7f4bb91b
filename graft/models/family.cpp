#include "graft/models/family.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <cmath>
#include <limits>

#include "graft/base/error.h"
#include "graft/models/config_defaults.h"
#include "graft/models/tied_head.h"

namespace graft::models {
namespace {

constexpr int kMostLayers = 4096;

}  // namespace

Family::Family(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype)
    : Family(folder, dtype, folder.config(), LanguageModelNames::of(folder)) {}

Family::Family(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype, json config,
               const LanguageModelNames& names)
    : config_json_(with_defaults(std::move(config))),
      what_((folder.path() / "config.json").string()),
      config_(config_json_, what_),
      source_(folder, dtype, names),
      has_own_head_(has_own_head(folder, names)),
      hidden_size_(integer("hidden_size")),
      num_layers_(integer("num_hidden_layers")) {
  if (!folder.is_config_alone() && static_cast<size_t>(num_layers_) > folder.names().size()) {
    fail("{}: num_hidden_layers is {}, but there are {} tensors: one of layer {} is missing", what_,
         num_layers_, folder.names().size(), num_layers_ - 1);
  }
  // As many as no model has, where no tensors bear them out.
  if (folder.is_config_alone() && num_layers_ > kMostLayers) {
    fail("{}: num_hidden_layers is {}", what_, num_layers_);
  }
  require("is_causal", true);
  if (config_.has("per_layer_config")) fail("{}: per_layer_config is not supported", what_);
}

int Family::integer(const char* key, std::optional<int64_t> otherwise) const {
  return static_cast<int>(config_.integer(key, otherwise));
}

int Family::window() const { return config_.has("sliding_window") ? integer("sliding_window") : 0; }

float Family::number(const char* key, std::optional<double> otherwise) const {
  return static_cast<float>(config_.number(key, otherwise));
}

void Family::require(const char* key, bool value) const {
  if (config_.boolean(key, value) != value) {
    fail("{}: {} {} is not supported in a {} model", what_, key, !value,
         config_.text("model_type", ""));
  }
}

AttentionConfig Family::attention(std::optional<int> head_dim) const {
  AttentionConfig c;
  c.hidden_size = hidden_size_;
  ops::AttentionOptions& o = c.options;
  o.heads = integer("num_attention_heads");
  o.kv_heads = integer("num_key_value_heads", o.heads);
  o.head_dim = integer("head_dim", head_dim.value_or(std::max(1, hidden_size_ / o.heads)));
  o.scale = 1.0f / std::sqrt(static_cast<float>(o.head_dim));
  if (o.heads % o.kv_heads != 0) {
    fail("{}: num_attention_heads {} is not a multiple of num_key_value_heads {}", what_, o.heads,
         o.kv_heads);
  }
  if (3 * int64_t{o.heads} * o.head_dim > std::numeric_limits<int>::max()) {
    fail("{}: {} heads of width {} are too many", what_, o.heads, o.head_dim);
  }
  return c;
}

AttentionConfig Family::attention_with_biases(std::optional<int> head_dim) const {
  AttentionConfig c = attention(head_dim);
  c.qkv_bias = c.output_bias = config_.boolean("attention_bias", false);
  return c;
}

Activation Family::activation(const char* key, const char* otherwise) const {
  const std::string name = config_.text(key, otherwise);
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu") return Activation::gelu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new" || name == "gelu_fast") {
    return Activation::gelu_tanh;
  }
  fail("{}: {} '{}' is not supported; supported: silu, gelu, gelu_pytorch_tanh, gelu_new", what_,
       key, name);
}

MlpConfig Family::mlp(const char* activation_key, const char* otherwise) const {
  MlpConfig c;
  c.hidden_size = hidden_size_;
  c.intermediate_size = integer("intermediate_size");
  if (c.intermediate_size > std::numeric_limits<int>::max() / 2) {
    fail("{}: intermediate_size {} is too large", what_, c.intermediate_size);
  }
  c.activation = activation(activation_key, otherwise);
  return c;
}

MlpConfig Family::mlp_with_biases() const {
  MlpConfig c = mlp();
  c.bias = config_.boolean("mlp_bias", false);
  return c;
}

ExpertsConfig Family::experts() const {
  ExpertsConfig c;
  c.hidden_size = hidden_size_;
  c.intermediate_size = integer("intermediate_size");
  // Two names of one number (`attribute_map` in transformers).
  const char* key = config_.has("num_experts") ? "num_experts" : "num_local_experts";
  c.count = integer(key, 128);
  if (integer("num_local_experts", c.count) != c.count) {
    fail("{}: num_experts is {}, num_local_experts {}", what_, c.count,
         integer("num_local_experts"));
  }
  c.chosen = integer("num_experts_per_tok");
  c.activation = activation("hidden_act", "silu");
  if (c.chosen > c.count) {
    fail("{}: num_experts_per_tok {} of {} {}", what_, c.chosen, key, c.count);
  }
  return c;
}

nn::Norm Family::norm(const std::string& path, int size) {
  nn::Norm norm{.weight = source_.vector(path + ".weight", size),
                .eps = norm_eps(),
                .centered = norm_.centered,
                .path = source_.path_of(path)};
  if (norm_.offset != 0) {
    norm.offset = norm_.offset;
    norm.stored = mx::astype(norm.weight, mx::float32);
    norm.weight = mx::add(*norm.stored, mx::array(norm_.offset));
    mx::eval({norm.weight, *norm.stored});
  }
  if (norm_.centered) {
    norm.bias = mx::astype(source_.vector(path + ".bias", size), norm.weight.dtype());
    norm.bias->eval();
  }
  return norm;
}

Block Family::llama_block(const std::string& at, const AttentionConfig& attention,
                          FeedForward mlp) {
  return {.before_attention = norm(at + "input_layernorm"),
          .after_attention = {},
          .before_mlp = norm(at + "post_attention_layernorm"),
          .after_mlp = {},
          .attention = Attention(source_, at + "self_attn", attention),
          .mlp = std::move(mlp)};
}

Block Family::parallel_block(const std::string& at, const AttentionConfig& attention,
                             const MlpConfig& mlp) {
  return {.before_attention = norm(at + "input_layernorm"),
          .after_attention = {},
          .before_mlp = {},
          .after_mlp = {},
          .attention = Attention(source_, at + "self_attn", attention),
          .mlp = Mlp(source_, at + "mlp", mlp),
          .parallel = true};
}

DecoderParts Family::parts(const std::function<Block(const std::string&, int)>& block,
                           const PartsOptions& options) {
  const int vocab_size = integer("vocab_size");
  nn::Embedding embedding{source_.path_of("model.embed_tokens"),
                          source_.matrix("model.embed_tokens", vocab_size, hidden_size_)};
  std::vector<Block> blocks;
  for (int i = 0; i < num_layers_; ++i) {
    blocks.push_back(block(fmt::format("model.layers.{}.", i), i));
  }
  DecoderParts parts{.embedding = std::move(embedding),
                     .blocks = std::move(blocks),
                     .norm = norm(options.norm_path),
                     .head_path = source_.path_of("lm_head")};
  if (has_own_head_) {
    parts.head = source_.matrix("lm_head", vocab_size, hidden_size_);
  } else {
    // A tied head that was stored anyway is the embedding again.
    for (const char* part : {"weight", "scales", "biases"}) {
      source_.ignore(std::string("lm_head.") + part);
    }
  }
  if (options.head_bias) {
    parts.head_bias = mx::astype(source_.vector("lm_head.bias", vocab_size), mx::float32);
    parts.head_bias->eval();
  }
  return parts;
}

std::unique_ptr<Model> Family::make(DecoderParts parts) {
  return std::make_unique<Decoder>(std::move(parts), source_);
}

std::vector<int> layer_windows(const Family& family, const std::function<bool(int)>& slides) {
  const json& config = family.config_json();
  std::vector<int> windows(static_cast<size_t>(family.num_layers()), 0);
  const bool listed = family.config().has("layer_types");
  if (listed && !config["layer_types"].is_array()) {
    fail("{}: layer_types must be a list of the layers' kinds", family.what());
  }
  if (listed && config["layer_types"].size() != windows.size()) {
    fail("{}: layer_types has {} entries for {} layers", family.what(),
         config["layer_types"].size(), windows.size());
  }
  for (size_t i = 0; i < windows.size(); ++i) {
    bool slides_here;
    if (listed) {
      const json& type = config["layer_types"][i];
      slides_here = type == "sliding_attention";
      if (!slides_here && type != "full_attention" && type != "attention") {
        fail("{}: layer_types has '{}'; supported: full_attention, sliding_attention",
             family.what(), type.is_string() ? type.get<std::string>() : "something else");
      }
    } else {
      slides_here = slides(static_cast<int>(i));
    }
    if (!slides_here) continue;
    windows[i] = family.window();
    // As in transformers, which has no mask then.
    if (windows[i] == 0) fail("{}: layer {} slides, without a sliding_window", family.what(), i);
  }
  return windows;
}

std::vector<int> qwen_windows(const Family& family) {
  const ConfigReader& config = family.config();
  const bool slides = config.boolean("use_sliding_window", false) && family.window() != 0;
  const int64_t first = config.integer("max_window_layers", 28, 0);
  std::vector<int> windows = layer_windows(family, [&](int i) { return slides && i >= first; });
  if (!slides && windows != std::vector<int>(windows.size(), 0)) {
    fail("{}: layer_types has sliding_attention, but use_sliding_window is false", family.what());
  }
  return windows;
}

}  // namespace graft::models
