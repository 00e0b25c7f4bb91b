#include "graft/models/gguf_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace graft::models {
namespace {

// gguf/constants.py, and which converter of convert_hf_to_gguf.py permutes.
constexpr GgufFamily kFamilies[] = {{"gemma", "gemma", false},
                                    {"gemma2", "gemma2", false},
                                    {"gemma3", "gemma3", false},
                                    {"gemma3_text", "gemma3", false},
                                    {"granite", "granite", true},
                                    {"llama", "llama", true},
                                    {"mistral", "llama", true},
                                    {"mixtral", "llama", true},
                                    {"olmo2", "olmo2", false},
                                    {"phi", "phi2", false},
                                    {"phi3", "phi3", false},
                                    {"qwen2", "qwen2", false},
                                    {"qwen3", "qwen3", false},
                                    {"qwen3_moe", "qwen3moe", false},
                                    {"smollm3", "smollm3", true},
                                    {"stablelm", "stablelm", false},
                                    {"starcoder2", "starcoder2", false}};

// A layer of a block. Names that several layers have are told apart by the architecture.
struct Name {
  std::string_view key, gguf, architecture = {};
};

constexpr Name kNames[] = {
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"self_attn.dense", "attn_output", "phi2"},
    {"self_attn.o_proj", "attn_output"},
    {"mlp.gate_up_proj", "ffn_up", "phi3"},
    {"mlp.fc1", "ffn_up", "phi2"},
    {"mlp.fc2", "ffn_down", "phi2"},
    {"mlp.c_fc", "ffn_up", "starcoder2"},
    {"mlp.c_proj", "ffn_down", "starcoder2"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"block_sparse_moe.gate", "ffn_gate_inp", "llama"},
    {"block_sparse_moe.switch_mlp.gate_proj", "ffn_gate_exps", "llama"},
    {"block_sparse_moe.switch_mlp.up_proj", "ffn_up_exps", "llama"},
    {"block_sparse_moe.switch_mlp.down_proj", "ffn_down_exps", "llama"},
    {"mlp.gate", "ffn_gate_inp"},
    {"mlp.switch_mlp.gate_proj", "ffn_gate_exps"},
    {"mlp.switch_mlp.up_proj", "ffn_up_exps"},
    {"mlp.switch_mlp.down_proj", "ffn_down_exps"},
};

// What is no linear layer. `sandwich`: where norms stand behind attention and MLP, too.
struct NormName {
  std::string_view key, gguf;
  bool in_plain = true, in_sandwich = true;
};

constexpr NormName kNorms[] = {
    {"input_layernorm", "attn_norm"},
    {"post_attention_layernorm", "ffn_norm", true, false},
    {"post_attention_layernorm", "post_attention_norm", false, true},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"self_attn.q_layernorm.norms", "attn_q_norm"},
    {"self_attn.k_layernorm.norms", "attn_k_norm"},
};

constexpr std::string_view kSandwiches[] = {"gemma2", "gemma3", "olmo2"};

// Outside of the blocks.
constexpr Name kOthers[] = {{"model.norm", "output_norm"},
                            {"model.final_layernorm", "output_norm", "phi2"}};

// Of these, what can take an adapter.
constexpr Name kMatrices[] = {{"model.embed_tokens", "token_embd"}, {"lm_head", "output"}};

constexpr std::string_view kLayers = "layers.", kBlocks = "blk.";
constexpr std::string_view kText = "model.layers.", kTextOfSeveral = "language_model.model.layers.";
constexpr std::string_view kOfSeveral = "language_model.";

// The path in a model of text alone.
std::string_view text_part(std::string_view path) {
  return path.substr(path.starts_with(kOfSeveral) ? kOfSeveral.size() : 0);
}

// What stands between `begin` and the next dot, if that is a number, and what follows the dot.
struct Numbered {
  std::string_view number, rest;
};

std::optional<Numbered> numbered(std::string_view text, size_t begin) {
  const size_t dot = text.find('.', begin);
  if (dot == std::string_view::npos || dot == begin) return {};
  const std::string_view number = text.substr(begin, dot - begin);
  const bool digits = std::all_of(number.begin(), number.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  });
  if (!digits) return {};
  return Numbered{number, text.substr(dot + 1)};
}

}  // namespace

const GgufFamily* gguf_family(std::string_view model_type) {
  for (const GgufFamily& family : kFamilies) {
    if (family.model_type == model_type) return &family;
  }
  return nullptr;
}

bool is_permuted(std::string_view architecture) {
  return std::any_of(std::begin(kFamilies), std::end(kFamilies), [&](const GgufFamily& family) {
    return family.architecture == architecture && family.permuted;
  });
}

std::optional<std::string> gguf_layer(const std::string& path) {
  // Not those of a vision tower.
  const size_t layers = path.starts_with(kText) || path.starts_with(kTextOfSeveral)
                            ? path.find(kLayers)
                            : std::string::npos;
  if (layers == std::string::npos) {
    const std::string_view own = text_part(path);
    for (const Name& name : kMatrices) {
      if (name.key == own) return std::string(name.gguf);
    }
    return {};
  }
  const auto layer = numbered(path, layers + kLayers.size());
  if (!layer) return {};
  for (const Name& name : kNames) {
    if (name.key == layer->rest) return fmt::format("{}{}.{}", kBlocks, layer->number, name.gguf);
  }
  return {};
}

std::optional<std::string> gguf_part(const std::string& whole, std::string_view architecture) {
  if (const auto layer = gguf_layer(whole)) return layer;
  const std::string_view path = text_part(whole);
  for (const Name& other : kOthers) {
    if (other.key == path) return std::string(other.gguf);
  }
  const auto layer = path.starts_with(kText) ? numbered(path, kText.size()) : std::nullopt;
  if (!layer) return {};
  const bool sandwich = std::find(std::begin(kSandwiches), std::end(kSandwiches), architecture) !=
                        std::end(kSandwiches);
  for (const NormName& norm : kNorms) {
    if (norm.key == layer->rest && (sandwich ? norm.in_sandwich : norm.in_plain)) {
      return fmt::format("{}{}.{}", kBlocks, layer->number, norm.gguf);
    }
  }
  return {};
}

std::optional<std::string> layer_of_gguf(const std::string& name, std::string_view architecture) {
  for (const Name& known : kMatrices) {
    if (known.gguf == name) return std::string(known.key);
  }
  if (!name.starts_with(kBlocks)) return {};
  const auto block = numbered(name, kBlocks.size());
  if (!block) return {};
  for (const Name& known : kNames) {
    const bool here = known.architecture.empty() || known.architecture == architecture;
    if (here && known.gguf == block->rest) {
      return fmt::format("model.layers.{}.{}", block->number, known.key);
    }
  }
  return {};
}

}  // namespace graft::models
