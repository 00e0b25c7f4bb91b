#pragma once

#include "graft/models/model.h"
#include "graft/models/trunk.h"

namespace graft::models {

/// Runs a model's layers, here one after the other. A subclass may recompute some for their
/// gradient. The lowest ones may be a trunk's.
class LayerRunner {
 public:
  /// Nothing is trained through layers [0, frozen). Model and trunk must outlive it.
  explicit LayerRunner(const Model& model, const Trunk* trunk = nullptr, int frozen = 0)
      : model_(model), trunk_(trunk), frozen_(frozen) {}
  virtual ~LayerRunner() = default;

  const Model& model() const { return model_; }

  /// The output [N, D] of the final norm for int32 ids [N] that form `context.sequences`.
  mx::array hidden(const mx::array& ids, const Context& context) const;

 protected:
  virtual Hidden layer(int index, const Hidden& hidden, const Context& context) const;

 private:
  const Model& model_;
  const Trunk* trunk_;
  int frozen_;
};

}  // namespace graft::models
