#include "graft/models/mixtral.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_mixtral(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = family.attention();
  attention.options.window = family.window();
  ExpertsConfig experts = family.experts();
  experts.gate = "w1";
  experts.down = "w2";
  experts.up = "w3";
  DecoderParts parts = family.parts([&](const std::string& at, int) {
    return family.llama_block(at, attention,
                              Experts(family.source(), at + "block_sparse_moe", experts));
  });
  parts.ropes = {family.rope(attention.options.head_dim)};
  parts.default_lora_keys = {"self_attn.q_proj", "self_attn.v_proj", "block_sparse_moe.gate"};
  return family.make(std::move(parts));
}

}  // namespace graft::models
