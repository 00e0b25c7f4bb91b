#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "graft/models/attention.h"
#include "graft/models/experts.h"
#include "graft/models/mlp.h"
#include "graft/models/model.h"
#include "graft/nn/embedding.h"
#include "graft/nn/norm.h"
#include "graft/nn/rope.h"

namespace graft::models {

using FeedForward = std::variant<Mlp, Experts>;

/// A layer of a decoder: attention, then a feed-forward layer; each reads the residual stream
/// through a norm, or its result is normed before it is added, or both.
struct Block {
  std::optional<nn::Norm> before_attention, after_attention, before_mlp, after_mlp;
  Attention attention;
  FeedForward mlp;
  bool parallel = false;  // the feed-forward layer reads what attention reads

  mx::array feed_forward(const mx::array& x, const Dropout& dropout) const;
  /// Its weights.
  void add_to(std::vector<Part>& parts, int layer);
};

/// All parts of a decoder. A family's file fills them from config and tensors.
struct DecoderParts {
  nn::Embedding embedding;
  float embedding_scale = 1;            // on the rows of the embedding
  bool rounds_embedding_scale = false;  // it is rounded to the activations' type
  float residual_scale = 1;             // on what a block's parts add to the residual stream
  std::vector<Block> blocks;
  nn::Norm norm;  // the final norm
  std::string head_path = "lm_head";
  float output_scale = 1;                // on the final norm's output
  std::optional<ops::Weight> head{};     // [V, D]; none: the embedding
  std::optional<mx::array> head_bias{};  // [V]
  float final_soft_cap = 0;
  std::vector<nn::Rope> ropes{};
  std::vector<std::string> default_lora_keys = {"self_attn.q_proj", "self_attn.v_proj"};
};

/// The decoder of all families: embed -> blocks -> norm -> head.
class Decoder final : public Model {
 public:
  /// `source` has supplied all of the parts. Throws Error if it has tensors left over.
  Decoder(DecoderParts parts, const TensorSource& source);

  int num_layers() const override { return static_cast<int>(parts_.blocks.size()); }
  int vocab_size() const override { return parts_.embedding.in(); }
  Hidden embed(const mx::array& ids, const Dropout& dropout) const override;
  Hidden layer(int index, const Hidden& hidden, const Context& context) const override;
  mx::array norm(const Hidden& hidden) const override;
  ops::Head head(const mx::array& h, const Dropout& dropout) const override;
  const ops::Weight* untied_embedding() const override {
    return has_own_head_ ? &parts_.embedding.weight : nullptr;
  }
  void untie_head() override;
  std::vector<ops::RopeTable> rope_tables(const std::vector<Sequence>& sequences) const override;
  std::vector<Part> parts() override;
  std::vector<std::string> default_lora_keys() const override { return parts_.default_lora_keys; }

  /// What it is made of, for programs that have to be told; without its head.
  const DecoderParts& structure() const { return parts_; }
  /// Whether the head is a matrix of its own; else the embedding.
  bool has_own_head() const { return has_own_head_; }

 private:
  DecoderParts parts_;  // without its head
  bool has_own_head_;
  nn::Linear head_;  // its bias is f32
};

}  // namespace graft::models
