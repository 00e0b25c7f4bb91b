#include "graft/models/qwen3.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_qwen3(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = family.attention_with_biases(128);
  const int width = attention.options.head_dim;
  const std::vector<int> windows = qwen_windows(family);
  DecoderParts parts = family.parts([&](const std::string& at, int index) {
    attention.options.window = windows[static_cast<size_t>(index)];
    Block block = family.llama_block(at, attention, family.mlp());
    block.attention.q_norm = family.head_norm(at + "self_attn.q_norm", width);
    block.attention.k_norm = family.head_norm(at + "self_attn.k_norm", width);
    return block;
  });
  parts.ropes = {family.rope(width)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
