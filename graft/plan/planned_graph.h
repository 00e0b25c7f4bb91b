#pragma once

#include <vector>

#include "graft/plan/training_memory.h"

namespace graft::plan {

/// A graph that would be computed together.
struct PlannedGraph {
  std::vector<mx::array> outputs;
  std::vector<mx::array> kept;  // what else the caller has handles of
};

/// A step after the first: its parameters and moments are there.
PlannedGraph step_graph(const Subject& subject, const data::Batch& batch);
/// A step in place after the first (training/in_place_step.h): what is computed together, one after
/// the other.
struct PlannedStages {
  std::vector<std::vector<mx::array>> stages;
  std::vector<mx::array> kept;
};
PlannedStages in_place_stages(const Subject& subject, const data::Batch& batch);
/// The outputs of a step, of either kind.
std::vector<mx::array> outputs_of_step(const Subject& subject, const data::Batch& batch);
/// The validation of a batch.
PlannedGraph validation_graph(const Subject& subject, const data::Batch& batch);
/// The bytes of the parameters and of what the optimizer keeps of them.
size_t state_bytes(const Subject& subject);

}  // namespace graft::plan
