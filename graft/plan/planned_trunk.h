#pragma once

#include "graft/models/trunk.h"

namespace graft::plan {

namespace mx = mlx::core;

/// Layers whose output is there already, of the right shape and without numbers.
class PlannedTrunk final : public models::Trunk {
 public:
  PlannedTrunk(const models::Model& model, int layers) : model_(model), layers_(layers) {}

  int layers() const override { return layers_; }
  mx::array stream(const mx::array& ids, const models::Context& context) const override;

 private:
  const models::Model& model_;
  int layers_;
};

}  // namespace graft::plan
