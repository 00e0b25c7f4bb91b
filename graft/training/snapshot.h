#pragma once

#include "graft/data/sampler.h"
#include "graft/models/parameters.h"
#include "graft/training/figures.h"
#include "graft/training/progress.h"
#include "graft/training/train_state.h"

namespace graft::training {

/// All that a training's next steps depend on, besides its options: who goes on from it gets the
/// same bytes as who never stopped.
struct Snapshot {
  TrainState state;
  data::SamplerState sampler;
  Progress progress;
  Figures figures;
};

/// A snapshot without its parameters, which are in an adapter file: the arrays by name
/// ("v.<parameter>", "sampler.order"), and the numbers.
struct SnapshotParts {
  std::map<std::string, mx::array> arrays;
  json numbers;
};

SnapshotParts parts_of(const Snapshot& snapshot, const models::ParameterSet& parameters);

/// The inverse. The parameters are those of `parameters` now; `start` is the optimizer's state
/// before the first step, which says what arrays there are. Throws Error if they are not the
/// snapshot's, json::exception if the numbers are not what parts_of gives.
Snapshot snapshot_of(const SnapshotParts& parts, const models::ParameterSet& parameters,
                     const TrainState& start);

}  // namespace graft::training
