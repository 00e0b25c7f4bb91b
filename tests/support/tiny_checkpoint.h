#pragma once

#include <mlx/mlx.h>

#include <map>
#include <string>

#include "graft/io/json.h"
#include "graft/io/safetensors.h"
#include "tests/support/temp_folder.h"

namespace graft::testing {

namespace mx = mlx::core;

/// A small llama checkpoint with random weights, as Hugging Face stores it.
struct TinyCheckpoint {
  int hidden = 64, inner = 96, heads = 4, kv_heads = 2, head_dim = 16, vocab = 128, layers = 2;
  mx::Dtype dtype = mx::bfloat16;
  bool head = true;  // whether there is an lm_head.weight
  ordered_json config;
  std::map<std::string, mx::array> tensors;

  void make() {
    config = {{"architectures", {"LlamaForCausalLM"}},
              {"_name_or_path", "somewhere"},
              {"model_type", "llama"},
              {"hidden_size", hidden},
              {"intermediate_size", inner},
              {"num_hidden_layers", layers},
              {"num_attention_heads", heads},
              {"num_key_value_heads", kv_heads},
              {"head_dim", head_dim},
              {"rms_norm_eps", 1e-5},
              {"vocab_size", vocab},
              {"tie_word_embeddings", !head},
              {"torch_dtype", io::dtype_name(dtype)}};
    weight("model.embed_tokens", {vocab, hidden});
    weight("model.norm", {hidden});
    if (head) weight("lm_head", {vocab, hidden});
    for (int i = 0; i < layers; ++i) {
      std::string layer = fmt::format("model.layers.{}.", i);
      weight(layer + "input_layernorm", {hidden});
      weight(layer + "post_attention_layernorm", {hidden});
      weight(layer + "self_attn.q_proj", {heads * head_dim, hidden});
      weight(layer + "self_attn.k_proj", {kv_heads * head_dim, hidden});
      weight(layer + "self_attn.v_proj", {kv_heads * head_dim, hidden});
      weight(layer + "self_attn.o_proj", {hidden, heads * head_dim});
      weight(layer + "mlp.gate_proj", {inner, hidden});
      weight(layer + "mlp.up_proj", {inner, hidden});
      weight(layer + "mlp.down_proj", {hidden, inner});
    }
  }

  void weight(const std::string& path, const mx::Shape& shape) {
    tensors.insert_or_assign(
        path + ".weight",
        mx::astype(mx::multiply(mx::random::normal(shape), mx::array(0.1f)), dtype));
  }

  /// Writes config.json and model.safetensors.
  void write(const fs::path& folder) const {
    fs::create_directories(folder);
    write_bytes(folder / "config.json", config.dump());
    io::save_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
  }
};

}  // namespace graft::testing
