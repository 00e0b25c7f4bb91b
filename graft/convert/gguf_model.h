#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/convert/gguf_blocks.h"
#include "graft/io/gguf.h"
#include "graft/io/json.h"

namespace graft::convert {

/// How an architecture's files differ from llama's.
struct GgufArchitecture {
  /// In `general.architecture` and in the keys of metadata; also the `model_type` of config.json.
  std::string_view name;
  std::string_view model_class;
  bool permuted = false;    ///< rows of Q and K, see RowOrder
  bool head_norms = false;  ///< attn_q_norm and attn_k_norm
  bool fused = false;       ///< attn_qkv, and ffn_up has the gate in front
  double norm_offset = 0;   ///< included in the file's norm weights, but not in a checkpoint's
  std::string_view activation = "silu";
};

/// The sizes of a model, as its GGUF metadata gives them.
struct GgufModel {
  const GgufArchitecture* architecture = nullptr;
  int num_hidden_layers = 0, hidden_size = 0, intermediate_size = 0;
  int num_attention_heads = 0, num_key_value_heads = 0, head_dim = 0;
  int rotary_dim = 0;  ///< elements of a head that RoPE rotates
  int vocab_size = 0, max_position_embeddings = 0;
  double rms_norm_eps = 0, rope_theta = 0;
};

/// A tensor of the file and what it is called in a checkpoint.
struct GgufName {
  std::string gguf, checkpoint;
  RowOrder order;
  double offset = 0;  ///< to subtract from its numbers
};

/// The sizes from a file of architecture llama (Mistral's too), qwen2, qwen3, gemma or phi3. Throws
/// Error for another one, by name, and for what we do not convert (experts, attention scales, a
/// file that is one part of several).
GgufModel read_gguf_model(const io::GgufFile& file);

/// All tensors to convert. Throws Error if one is missing, has a shape that the sizes do not allow,
/// or is not known.
std::vector<GgufName> name_gguf_tensors(const io::GgufFile& file, const GgufModel& model);

/// The model's part of config.json.
ordered_json gguf_config(const io::GgufFile& file, const GgufModel& model);

/// generation_config.json: the stop tokens, and the sampling settings that the file has.
ordered_json gguf_generation_config(const io::GgufFile& file);

}  // namespace graft::convert
