#pragma once

#include "graft/models/model.h"

namespace graft::models {

/// How a model's layers run: one after the other here; a subclass computes some again for their
/// gradient, or takes them from elsewhere.
class LayerRunner {
 public:
  explicit LayerRunner(const Model& model) : model_(model) {}
  virtual ~LayerRunner() = default;

  const Model& model() const { return model_; }

  /// The final norm [N, D] of int32 ids [N] that form `context.sequences`.
  mx::array hidden(const mx::array& ids, const Context& context) const;

 protected:
  virtual Hidden layer(int index, const Hidden& hidden, const Context& context) const;

 private:
  const Model& model_;
};

}  // namespace graft::models
