#pragma once

#include <cstddef>

#include "graft/models/model.h"
#include "graft/models/parameters.h"
#include "graft/plan/graph_memory.h"
#include "graft/plan/run_batches.h"
#include "graft/training/trainer.h"

namespace graft::plan {

/// A training that is planned: a model, whose weights are not read, with its adapters.
struct Subject {
  const models::Model& model;
  const models::ParameterSet& parameters;
  const training::TrainOptions& options;
};

/// The most memory that a process will have resident, in bytes, by what it is for.
struct Memory {
  size_t program = 0;      // the program, its libraries, the tokenizer and the data
  size_t weights = 0;      // of the model: mapped files, of which all is read
  size_t optimizer = 0;    // the adapters and what the optimizer keeps of each
  size_t activations = 0;  // kept for the gradient
  size_t gradients = 0;    // of activations and adapters
  size_t logits = 0;       // the head's blocks of logits and their gradients
  size_t scratch = 0;      // what the other kernels work with
  size_t heap = 0;         // gaps between blocks of the heap

  size_t total() const {
    return program + weights + optimizer + activations + gradients + logits + scratch + heap;
  }
};

/// The lowest layers of which nothing is trained, if what they give for an example is kept.
struct KeptLayers {
  int layers = 0;
  double first_steps = 0;  // in which they are computed
  size_t bytes = 0;        // of weights, theirs or others', that are not in memory with the rest
};

/// The memory of a run, of its largest batch. `program` is what the process has resident before it
/// trains, without the model's weights.
Memory training_memory(const Subject& subject, const RunBatches& batches, size_t program,
                       const KeptLayers& kept = {});

/// What a step on this batch takes besides weights, parameters and moments.
GraphMemory step_memory(const Subject& subject, const data::Batch& batch);

/// What the validation of a batch takes.
GraphMemory validation_memory(const Subject& subject, const data::Batch& batch);

}  // namespace graft::plan
