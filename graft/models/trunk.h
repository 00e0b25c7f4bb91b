#pragma once

#include "graft/models/model.h"

namespace graft::models {

/// What the lowest layers of a model give, of which nothing is trained: computed, or kept from an
/// earlier time.
class Trunk {
 public:
  virtual ~Trunk() = default;

  /// It stands for the embedding and layers [0, layers()).
  virtual int layers() const = 0;
  /// The residual stream [N, D] behind them, with all that was added, for int32 ids [N] that form
  /// `context.sequences`. The same bytes as the layers would give.
  virtual mx::array stream(const mx::array& ids, const Context& context) const = 0;
};

/// The residual stream with what the last layer adds.
mx::array summed(const Hidden& hidden);

/// What layers [0, layers) of the model give, computed as a pass without gradient.
mx::array computed_stream(const Model& model, int layers, const mx::array& ids,
                          const Context& context);

}  // namespace graft::models
