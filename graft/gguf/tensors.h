#pragma once

#include <mlx/array.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graft/gguf/architecture.h"
#include "graft/models/decoder.h"
#include "graft/ops/weight.h"

namespace graft::gguf {

namespace mx = mlx::core;

/// A tensor of a GGUF file and the part of the model that it is made of. Rows are in the order of
/// the file.
struct Tensor {
  std::string name;       // "blk.0.attn_q.weight"
  mx::Shape shape;        // rows first: [out, in], of experts [E, out, in]
  std::string path = {};  // of the part: "model.layers.0.self_attn.q_proj"
  int layer = -1;         // -1: outside of the layers
  bool is_head = false;   // the head, or the embedding that is the head, too
  /// A matrix, which can be of any type: one, or one for each expert, as the model has it; if an
  /// adapter is fused into it, in f32, and then computed anew by each call.
  std::vector<std::function<ops::Weight()>> matrices = {};
  bool adapted = false;
  /// The weight as the model has it; of experts the first one's.
  std::optional<ops::Weight> base = {};
  /// Anything else, in f32: biases, norms, routers, which llama.cpp wants in F32.
  std::function<mx::array()> values = {};

  bool is_matrix() const { return !matrices.empty(); }
  size_t size() const;
};

/// All tensors of a model's file: those of RoPE, head, embedding, layers, final norm; within a
/// layer in the order of the checkpoint's names. Throws Error for a part that llama.cpp's
/// architecture has no name for.
std::vector<Tensor> tensors_of(models::Decoder& model, const Architecture& architecture);

}  // namespace graft::gguf
