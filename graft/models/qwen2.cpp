#include "graft/models/qwen2.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_qwen2(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = family.attention();
  attention.qkv_bias = true;
  const std::vector<int> windows = qwen_windows(family);
  DecoderParts parts = family.parts([&](const std::string& at, int index) {
    attention.options.window = windows[static_cast<size_t>(index)];
    return family.llama_block(at, attention, family.mlp());
  });
  parts.ropes = {family.rope(attention.options.head_dim)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
