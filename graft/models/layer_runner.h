#pragma once

#include "graft/models/model.h"

namespace graft::models {

/// Runs a model's layers, here one after the other. A subclass may recompute some for their
/// gradient, or take them from elsewhere.
class LayerRunner {
 public:
  explicit LayerRunner(const Model& model) : model_(model) {}
  virtual ~LayerRunner() = default;

  const Model& model() const { return model_; }

  /// The output [N, D] of the final norm for int32 ids [N] that form `context.sequences`.
  mx::array hidden(const mx::array& ids, const Context& context) const;

 protected:
  virtual Hidden layer(int index, const Hidden& hidden, const Context& context) const;

 private:
  const Model& model_;
};

}  // namespace graft::models
