#include "graft/convert/gguf_model.h"

#include <cmath>
#include <set>

#include "graft/base/error.h"
#include "graft/convert/gguf_rope.h"
#include "graft/io/tensor_info.h"

namespace graft::convert {
namespace {

constexpr GgufArchitecture kArchitectures[] = {
    {.name = "llama", .model_class = "LlamaForCausalLM", .permuted = true},
    {.name = "qwen2", .model_class = "Qwen2ForCausalLM"},
    {.name = "qwen3", .model_class = "Qwen3ForCausalLM", .head_norms = true},
    {.name = "gemma",
     .model_class = "GemmaForCausalLM",
     .norm_offset = 1,
     .activation = "gelu_pytorch_tanh"},
    {.name = "phi3", .model_class = "Phi3ForCausalLM", .fused = true},
};

// Metadata under the architecture's name.
class Sizes {
 public:
  Sizes(const io::GgufFile& file, const GgufArchitecture& architecture)
      : file_(file), prefix_(std::string(architecture.name) + ".") {}

  int size(const char* key) const {
    auto value = optional_size(key);
    if (!value) fail("{}: no metadata \"{}\"", file_.path().string(), full(key));
    return *value;
  }

  std::optional<int> optional_size(const char* key) const {
    auto value = file_.metadata().unsigned_number(full(key));
    if (value && (*value == 0 || *value > INT32_MAX / 2)) {
      fail("{}: the metadata \"{}\" is {}, which is no size", file_.path().string(), full(key),
           *value);
    }
    return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
  }

  // The file holds float32: the shortest number that rounds to it is what was meant.
  double number(const char* key, std::optional<double> standard) const {
    auto value = file_.metadata().number(full(key));
    if (!value) value = standard;
    if (!value) fail("{}: no metadata \"{}\"", file_.path().string(), full(key));
    if (!std::isfinite(*value) || *value <= 0) {
      fail("{}: the metadata \"{}\" is {}", file_.path().string(), full(key), *value);
    }
    return std::stod(fmt::format("{}", static_cast<float>(*value)));
  }

  // Refuses settings of other models with this architecture name, unless the value is `harmless`.
  void refuse_unless(const char* key, double harmless) const {
    auto value = file_.metadata().number(full(key));
    if (value && *value != harmless) {
      fail("{}: the metadata \"{}\" is {}, which is not supported", file_.path().string(),
           full(key), *value);
    }
  }

 private:
  std::string full(const char* key) const { return prefix_ + key; }

  const io::GgufFile& file_;
  std::string prefix_;
};

const GgufArchitecture& architecture_of(const io::GgufFile& file) {
  const auto name = file.metadata().text("general.architecture");
  std::string known;
  for (const GgufArchitecture& one : kArchitectures) {
    if (name == one.name) return one;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", one.name);
  }
  fail("{}: the architecture {} is not supported; of GGUF files, these are: {}",
       file.path().string(), name ? io::in_quotes(*name) : "(none is named)", known);
}

void check_kind(const io::GgufFile& file, const Sizes& sizes,
                const GgufArchitecture& architecture) {
  auto parts = file.metadata().unsigned_number("split.count");
  if (parts.value_or(1) > 1) {
    fail("{}: one of {} parts of a model: merge them first (llama-gguf-split --merge)",
         file.path().string(), *parts);
  }
  sizes.refuse_unless("expert_count", 0);
  for (const char* key : {"attention.scale", "attention.clamp_kqv", "attention.max_alibi_bias",
                          "residual_scale", "embedding_scale"}) {
    sizes.refuse_unless(key, 0);
  }
  if (architecture.name != "phi3") sizes.refuse_unless("attention.sliding_window", 0);
  sizes.refuse_unless("logit_scale", 1);
}

// Collects names while checking that each tensor is as the model's sizes say.
class Namer {
 public:
  explicit Namer(const io::GgufFile& file) : file_(file) {}

  void require(const std::string& gguf, const std::string& checkpoint, const mx::Shape& shape,
               RowOrder order = {}, double offset = 0) {
    check(gguf, shape);
    names_.push_back({gguf, checkpoint, order, offset});
  }

  // A projection and, if there is one, its bias.
  void projection(const std::string& gguf, const std::string& checkpoint, const mx::Shape& shape,
                  RowOrder order = {}) {
    require(gguf + ".weight", checkpoint + ".weight", shape, order);
    if (file_.has(gguf + ".bias")) {
      require(gguf + ".bias", checkpoint + ".bias", {shape[0]}, order);
    }
  }

  std::vector<GgufName> finish() {
    std::set<std::string> known;
    for (const GgufName& name : names_) known.insert(name.gguf);
    for (const auto& [name, tensor] : file_.tensors()) {
      if (known.count(name) == 0 && !is_rope_tensor(name)) {
        fail("{}: tensor {} is not one of a {} model", file_.path().string(), io::in_quotes(name),
             file_.metadata().text("general.architecture").value_or("llama"));
      }
    }
    return std::move(names_);
  }

 private:
  void check(const std::string& name, const mx::Shape& shape) const {
    const mx::Shape& found = file_.tensor(name).shape;
    if (found != shape) {
      fail("{}: tensor {} is {}, but the metadata makes it {}", file_.path().string(),
           io::in_quotes(name), io::shape_text(found), io::shape_text(shape));
    }
  }

  const io::GgufFile& file_;
  std::vector<GgufName> names_;
};

bool any_bias(const io::GgufFile& file, std::initializer_list<const char*> layers) {
  for (const char* layer : layers) {
    if (file.has(std::string("blk.0.") + layer + ".bias")) return true;
  }
  return false;
}

void set_token(ordered_json& config, const io::GgufFile& file, const char* key,
               const char* metadata) {
  auto id = file.metadata().unsigned_number(std::string("tokenizer.ggml.") + metadata);
  if (id) config[key] = *id;
}

// One id, or a list if the end of a turn and the end of the text are different tokens.
ordered_json stop_tokens(const io::GgufFile& file) {
  std::vector<uint64_t> ids;
  for (const char* key : {"eos_token_id", "eot_token_id"}) {
    auto id = file.metadata().unsigned_number(std::string("tokenizer.ggml.") + key);
    if (id && (ids.empty() || ids[0] != *id)) ids.push_back(*id);
  }
  if (ids.empty()) return nullptr;
  return ids.size() == 1 ? ordered_json(ids[0]) : ordered_json(ids);
}

void add_phi3_fields(const io::GgufFile& file, const GgufModel& model, ordered_json& config) {
  const Sizes sizes(file, *model.architecture);
  if (model.rotary_dim != model.head_dim) {
    config["partial_rotary_factor"] = static_cast<double>(model.rotary_dim) / model.head_dim;
  }
  if (const auto window = sizes.optional_size("attention.sliding_window")) {
    config["sliding_window"] = *window;
  }
  if (const auto length = sizes.optional_size("rope.scaling.original_context_length")) {
    config["original_max_position_embeddings"] = *length;
  }
}

}  // namespace

GgufModel read_gguf_model(const io::GgufFile& file) {
  const GgufArchitecture& architecture = architecture_of(file);
  Sizes sizes(file, architecture);
  check_kind(file, sizes, architecture);
  GgufModel model;
  model.architecture = &architecture;
  model.num_hidden_layers = sizes.size("block_count");
  model.hidden_size = sizes.size("embedding_length");
  model.intermediate_size = sizes.size("feed_forward_length");
  model.num_attention_heads = sizes.size("attention.head_count");
  model.num_key_value_heads =
      sizes.optional_size("attention.head_count_kv").value_or(model.num_attention_heads);
  model.max_position_embeddings = sizes.size("context_length");
  model.rms_norm_eps = sizes.number("attention.layer_norm_rms_epsilon", std::nullopt);
  model.rope_theta = sizes.number("rope.freq_base", 10'000);
  int width = model.hidden_size / model.num_attention_heads;
  model.head_dim = sizes.optional_size("attention.key_length").value_or(width);
  model.rotary_dim = sizes.optional_size("rope.dimension_count").value_or(model.head_dim);
  const bool turns_part =
      architecture.name == "phi3" && model.rotary_dim < model.head_dim && model.rotary_dim % 2 == 0;
  int values = sizes.optional_size("attention.value_length").value_or(model.head_dim);
  if (model.head_dim == 0 || model.head_dim % 2 != 0 ||
      (model.rotary_dim != model.head_dim && !turns_part) || values != model.head_dim ||
      3 * int64_t{model.head_dim} * model.num_attention_heads > INT32_MAX ||
      int64_t{model.head_dim} * model.num_key_value_heads > INT32_MAX ||
      model.num_attention_heads % model.num_key_value_heads != 0) {
    fail(
        "{}: {} heads, {} of them for keys, of widths {} (keys), {} (values) and {} (RoPE) do not "
        "fit together",
        file.path().string(), model.num_attention_heads, model.num_key_value_heads, model.head_dim,
        values, model.rotary_dim);
  }
  const mx::Shape& embedding = file.tensor("token_embd.weight").shape;
  model.vocab_size = embedding.empty() ? 0 : embedding[0];
  return model;
}

std::vector<GgufName> name_gguf_tensors(const io::GgufFile& file, const GgufModel& model) {
  const GgufArchitecture& architecture = *model.architecture;
  int hidden = model.hidden_size, inner = model.intermediate_size;
  int queries = model.num_attention_heads * model.head_dim;
  int keys = model.num_key_value_heads * model.head_dim;
  RowOrder permuted{.head_dim = architecture.permuted ? model.head_dim : 0};
  Namer namer(file);
  const auto norm = [&](const std::string& gguf, const std::string& checkpoint, int size) {
    namer.require(gguf + ".weight", checkpoint + ".weight", {size}, {}, architecture.norm_offset);
  };
  namer.require("token_embd.weight", "model.embed_tokens.weight", {model.vocab_size, hidden});
  norm("output_norm", "model.norm", hidden);
  if (file.has("output.weight")) {
    namer.require("output.weight", "lm_head.weight", {model.vocab_size, hidden});
  }
  for (int i = 0; i < model.num_hidden_layers; ++i) {
    std::string from = fmt::format("blk.{}.", i), to = fmt::format("model.layers.{}.", i);
    norm(from + "attn_norm", to + "input_layernorm", hidden);
    norm(from + "ffn_norm", to + "post_attention_layernorm", hidden);
    if (architecture.head_norms) {
      norm(from + "attn_q_norm", to + "self_attn.q_norm", model.head_dim);
      norm(from + "attn_k_norm", to + "self_attn.k_norm", model.head_dim);
    }
    if (architecture.fused) {
      namer.require(from + "attn_qkv.weight", to + "self_attn.qkv_proj.weight",
                    {queries + 2 * keys, hidden});
      namer.require(from + "ffn_up.weight", to + "mlp.gate_up_proj.weight", {2 * inner, hidden});
    } else {
      namer.projection(from + "attn_q", to + "self_attn.q_proj", {queries, hidden}, permuted);
      namer.projection(from + "attn_k", to + "self_attn.k_proj", {keys, hidden}, permuted);
      namer.projection(from + "attn_v", to + "self_attn.v_proj", {keys, hidden});
      namer.projection(from + "ffn_gate", to + "mlp.gate_proj", {inner, hidden});
      namer.projection(from + "ffn_up", to + "mlp.up_proj", {inner, hidden});
    }
    namer.projection(from + "attn_output", to + "self_attn.o_proj", {hidden, queries});
    namer.projection(from + "ffn_down", to + "mlp.down_proj", {hidden, inner});
  }
  return namer.finish();
}

ordered_json gguf_config(const io::GgufFile& file, const GgufModel& model) {
  ordered_json config = {
      {"architectures", {model.architecture->model_class}},
      {"attention_bias", any_bias(file, {"attn_q", "attn_k", "attn_v", "attn_output"})},
      {"head_dim", model.head_dim},
      {"hidden_act", model.architecture->activation},
      {"hidden_size", model.hidden_size},
      {"intermediate_size", model.intermediate_size},
      {"max_position_embeddings", model.max_position_embeddings},
      {"mlp_bias", any_bias(file, {"ffn_gate", "ffn_up", "ffn_down"})},
      {"model_type", model.architecture->name},
      {"num_attention_heads", model.num_attention_heads},
      {"num_hidden_layers", model.num_hidden_layers},
      {"num_key_value_heads", model.num_key_value_heads},
      {"rms_norm_eps", model.rms_norm_eps},
      {"rope_scaling",
       rope_scaling_of(file, model.architecture->name, model.rope_theta, model.rotary_dim)},
      {"rope_theta", model.rope_theta},
      {"tie_word_embeddings", !file.has("output.weight")},
      {"vocab_size", model.vocab_size}};
  if (model.architecture->name == "phi3") add_phi3_fields(file, model, config);
  set_token(config, file, "bos_token_id", "bos_token_id");
  set_token(config, file, "pad_token_id", "padding_token_id");
  if (ordered_json stops = stop_tokens(file); !stops.is_null()) config["eos_token_id"] = stops;
  return config;
}

ordered_json gguf_generation_config(const io::GgufFile& file) {
  ordered_json config = ordered_json::object();
  set_token(config, file, "bos_token_id", "bos_token_id");
  if (ordered_json stops = stop_tokens(file); !stops.is_null()) config["eos_token_id"] = stops;
  set_token(config, file, "pad_token_id", "padding_token_id");
  struct Sampling {
    const char* metadata;
    const char* key;
  };
  for (const Sampling& setting :
       {Sampling{"general.sampling.temp", "temperature"},
        Sampling{"general.sampling.top_p", "top_p"}, Sampling{"general.sampling.min_p", "min_p"}}) {
    auto value = file.metadata().number(setting.metadata);
    if (value) config[setting.key] = std::stod(fmt::format("{}", static_cast<float>(*value)));
  }
  if (auto top_k = file.metadata().unsigned_number("general.sampling.top_k")) {
    config["top_k"] = *top_k;
  }
  return config;
}

}  // namespace graft::convert
