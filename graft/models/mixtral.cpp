#include "graft/models/mixtral.h"

#include <utility>

#include "graft/models/family.h"

namespace graft::models {

std::unique_ptr<Model> make_mixtral(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  family.set_norm({.eps = 1e-5});
  AttentionConfig attention = family.attention();
  attention.options.window = family.window(0);
  ExpertsConfig experts = family.experts("num_local_experts", 8, 2);
  experts.gate = "w1";
  experts.down = "w2";
  experts.up = "w3";
  DecoderParts parts = family.parts([&](const std::string& at, int) {
    return family.llama_block(at, attention,
                              Experts(family.source(), at + "block_sparse_moe", experts));
  });
  parts.ropes = {family.rope(attention.options.head_dim, {.theta = 1e6})};
  parts.default_lora_keys = {"self_attn.q_proj", "self_attn.v_proj", "block_sparse_moe.gate"};
  return family.make(std::move(parts));
}

}  // namespace graft::models
