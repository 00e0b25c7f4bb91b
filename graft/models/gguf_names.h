#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace graft::models {

/// A model family as GGUF files and llama.cpp have it.
struct GgufFamily {
  std::string_view model_type;    ///< in config.json
  std::string_view architecture;  ///< `general.architecture`
  bool permuted;                  ///< rows of Q and K, see io::RowOrder
};

/// Null for a model type that llama.cpp does not know as one of ours.
const GgufFamily* gguf_family(std::string_view model_type);
/// Whether rows of Q and K are permuted in the files of an architecture.
bool is_permuted(std::string_view architecture);

/// GGUF's name of what can take an adapter, without ".weight": "blk.3.attn_q" of
/// "model.layers.3.self_attn.q_proj", "token_embd" of the embedding and "output" of the head;
/// nothing for a layer that has no such name.
std::optional<std::string> gguf_layer(const std::string& path);
/// The other way round, in the files of an architecture.
std::optional<std::string> layer_of_gguf(const std::string& name, std::string_view architecture);

/// GGUF's name of any part of a model (models/parts.h), without ".weight" or ".bias", in the files
/// of an architecture: "blk.3.ffn_norm" of "model.layers.3.post_attention_layernorm" in those of
/// llama.
std::optional<std::string> gguf_part(const std::string& path, std::string_view architecture);

}  // namespace graft::models
