#include "graft/models/qwen3_moe.h"

#include <utility>

#include "graft/base/error.h"
#include "graft/models/family.h"

namespace graft::models {
namespace {

// Whether each layer has experts.
std::vector<bool> expert_layers(const Family& family) {
  const int step = family.integer("decoder_sparse_step");
  std::vector<bool> sparse;
  for (int i = 0; i < family.num_layers(); ++i) sparse.push_back((i + 1) % step == 0);
  const json dense = family.config_json().value("mlp_only_layers", json());
  if (!dense.is_null() && !dense.is_array()) {
    fail("{}: mlp_only_layers must be a list of layers", family.what());
  }
  for (const json& index : dense) {
    if (!index.is_number_unsigned() || index >= sparse.size()) {
      fail("{}: mlp_only_layers names a layer that is not there", family.what());
    }
    sparse[index.get<size_t>()] = false;
  }
  return sparse;
}

}  // namespace

std::unique_ptr<Model> make_qwen3_moe(const io::ModelFolder& folder,
                                      std::optional<mx::Dtype> dtype) {
  Family family(folder, dtype);
  AttentionConfig attention = family.attention_with_biases();
  if (family.config().boolean("use_sliding_window", false)) {
    attention.options.window = family.window();
  }
  const int width = attention.options.head_dim;
  ExpertsConfig experts = family.experts();
  experts.intermediate_size = family.integer("moe_intermediate_size");
  experts.rounds_shares = true;
  experts.normalize = family.config().boolean("norm_topk_prob", false);
  const std::vector<bool> sparse = expert_layers(family);
  DecoderParts parts = family.parts([&](const std::string& at, int index) -> Block {
    const auto feed_forward = [&]() -> FeedForward {
      if (sparse[static_cast<size_t>(index)]) return Experts(family.source(), at + "mlp", experts);
      return Mlp(family.source(), at + "mlp", family.mlp());
    };
    Block block = family.llama_block(at, attention, feed_forward());
    block.attention.q_norm = family.head_norm(at + "self_attn.q_norm", width);
    block.attention.k_norm = family.head_norm(at + "self_attn.k_norm", width);
    return block;
  });
  parts.ropes = {family.rope(width)};
  return family.make(std::move(parts));
}

}  // namespace graft::models
