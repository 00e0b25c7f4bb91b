#pragma once

#include <mlx/array.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/sequence.h"
#include "graft/models/parts.h"
#include "graft/nn/dropout.h"
#include "graft/nn/kv_cache.h"
#include "graft/ops/head.h"
#include "graft/ops/rope.h"

namespace graft::models {

namespace mx = mlx::core;

/// None: no dropout.
using Dropout = std::optional<nn::DropoutKey>;

/// What every layer needs to know about the tokens that run through it.
struct Context {
  Sequences sequences;
  std::vector<ops::RopeTable> ropes;      // as rope_tables()
  std::vector<nn::KvCache*> caches = {};  // one a sequence, while generating
  Dropout dropout = {};                   // while training
};

/// The residual stream [N, D] between layers. What the last layer adds is kept apart, so that the
/// next norm adds it and normalizes in one pass.
struct Hidden {
  mx::array stream;
  std::optional<mx::array> delta;
};

/// A decoder: embed -> layers[0..L) -> norm -> head, over flat tokens. Callers run any range of
/// layers; the model does not see whether a linear layer has an adapter.
class Model {
 public:
  virtual ~Model() = default;

  virtual int num_layers() const = 0;
  virtual int vocab_size() const = 0;

  /// The width of an attention head.
  int head_dim() const { return head_dim_; }

  /// The dtype of activations.
  mx::Dtype dtype() const { return dtype_; }

  /// Rows of the embedding for int32 ids [N].
  virtual Hidden embed(const mx::array& ids, const Dropout& dropout) const = 0;
  virtual Hidden layer(int index, const Hidden& hidden, const Context& context) const = 0;
  /// The output of the final norm, [N, D].
  virtual mx::array norm(const Hidden& hidden) const = 0;
  /// Turns the final norm's output h into logits.
  virtual ops::Head head(const mx::array& h, const Dropout& dropout) const = 0;

  /// The embedding if it is not the head's matrix too: then only the rows of a text's tokens are
  /// read. Else null.
  virtual const ops::Weight* untied_embedding() const { return nullptr; }

  /// Makes the head a matrix of its own, with the numbers that it has, if it is the embedding,
  /// which has no adapter then.
  virtual void untie_head() = 0;

  /// The angles of the sequences' tokens, one table for each way that layers rotate them.
  virtual std::vector<ops::RopeTable> rope_tables(const std::vector<Sequence>& sequences) const = 0;

  /// All parts that hold weights: those of the layers in order, then those outside of the layers.
  /// Any of them may be trained.
  virtual std::vector<Part> parts() = 0;
  /// Keys (see lora::TargetOptions) that get an adapter when the user names none.
  virtual std::vector<std::string> default_lora_keys() const = 0;

  /// The number of parameters in the checkpoint (a packed weight counts the numbers it stands for),
  /// and its bytes.
  size_t parameters() const { return parameters_; }
  size_t bytes() const { return bytes_; }

  Context context(std::vector<Sequence> sequences) const;

 protected:
  mx::Dtype dtype_ = mx::float32;
  size_t parameters_ = 0, bytes_ = 0;
  int head_dim_ = 0;
};

/// Logits [N, V], f32, of int32 ids [N] that form `context.sequences`.
mx::array logits(const Model& model, const mx::array& ids, const Context& context);

}  // namespace graft::models
