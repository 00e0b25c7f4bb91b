#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/convert/gguf_blocks.h"
#include "graft/io/gguf.h"
#include "graft/io/json.h"

namespace graft {

/// The sizes of a llama-architecture model, as its GGUF metadata gives them.
struct GgufLlama {
  int num_hidden_layers = 0, hidden_size = 0, intermediate_size = 0;
  int num_attention_heads = 0, num_key_value_heads = 0, head_dim = 0;
  int vocab_size = 0, max_position_embeddings = 0;
  double rms_norm_eps = 0, rope_theta = 0;
};

/// A tensor of the file and what it is called in a checkpoint.
struct GgufName {
  std::string gguf, checkpoint;
  RowOrder order;
};

/// Throws Error naming the architecture if it is another than llama, and for what we do not
/// convert (experts, attention scales, a file that is one part of several).
GgufLlama read_gguf_llama(const GgufFile& file);

/// All tensors to convert. Throws Error if one is missing, has a shape that the sizes do not allow,
/// or is not known.
std::vector<GgufName> name_gguf_llama(const GgufFile& file, const GgufLlama& model);

/// The model's part of config.json.
ordered_json gguf_llama_config(const GgufFile& file, const GgufLlama& model);

/// generation_config.json: where generation stops, and sampling as far as the file says.
ordered_json gguf_generation_config(const GgufFile& file);

}  // namespace graft
