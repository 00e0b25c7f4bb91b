#pragma once

#include <optional>
#include <string>

namespace graft::lora {

/// The name that transformers has for the module of a layer, and the other way round. They are the
/// checkpoint's, but for a language model within a multimodal one: graft and mlx-lm have
/// "language_model.model.layers.0...", transformers "model.language_model.layers.0...". Its head
/// "lm_head" is "language_model.lm_head" in transformers 4.
std::string peft_module(const std::string& path);
std::string path_of_module(const std::string& module);

/// A layer of experts, all in one: "model.layers.0.mlp.switch_mlp.up_proj" as mlx-lm has it.
struct ExpertLayer {
  std::string block;  // "model.layers.0.mlp"
  std::string role;   // "gate_proj", "up_proj" or "down_proj"

  std::string path() const { return block + ".switch_mlp." + role; }
};

std::optional<ExpertLayer> expert_layer(const std::string& path);

/// One expert's module as transformers 4 has it: "...mlp.experts.3.up_proj", or Mixtral's
/// "...block_sparse_moe.experts.3.w3".
struct OneExpert {
  ExpertLayer layer;
  int expert = 0;
};

std::optional<OneExpert> one_expert(const std::string& module);

/// Mixtral's name for what transformers 5 calls "...mlp.gate" and "...mlp.experts" in all models,
/// from the path of such a layer; nothing for another layer.
std::optional<std::string> mixtral_path(const std::string& path);

/// The module of all experts as transformers 5 has it, whose parameters PEFT adapts:
/// "model.layers.0.mlp.experts", of Mixtral too.
std::string experts_module(const std::string& block);

}  // namespace graft::lora
