#pragma once

#include <cstdint>
#include <string>

#include "graft/base/files.h"
#include "graft/data/sampler.h"
#include "graft/distributed/group.h"
#include "graft/lora/adapter_file.h"
#include "graft/models/layer_weights.h"
#include "graft/models/trunk.h"
#include "graft/training/identity.h"
#include "graft/training/optimizer.h"
#include "graft/training/schedule.h"

namespace graft::training {

struct TrainOptions {
  int iters = 1000;
  int batch_size = 4;
  int batches_a_step = 1;        // batches whose gradients are summed
  int64_t batch_tokens = 0;      // above 0: batches are packed, in place of batch_size
  bool group_by_length = false;  // examples of a batch are about as long as each other
  OptimizerOptions optimizer = {};
  ScheduleOptions schedule = {};  // of the learning rate; a length of 0 is that of the run
  float max_norm = 0;             // of all gradients together; 0: no limit
  int patience = 0;      // validations without improvement that end the training; 0: none do
  int val_batches = 25;  // -1: all of the validation set
  int steps_per_report = 10;
  int steps_per_eval = 200;
  int save_every = 100;
  int keep = 2;           // checkpoints, besides that of the best validation
  int max_bad_steps = 3;  // in a row, before the training stops
  fs::path adapter_file = "adapters.npz";
  lora::AdapterOrigin origin = {};  // goes into the adapter file: see AdapterSaver
  Identity identity = {};           // goes into the checkpoints
  uint64_t seed = 0;
  distributed::WireType wire = distributed::WireType::f32;  // of gradients, between processes
  bool profile = false;                                     // report where the time went at the end
  bool grad_checkpoint = false;  // RecomputedLayers: less memory, more time
  // What the layers below everything that is trained give; none: they are computed each time. It
  // must outlive the training.
  const models::Trunk* trunk = nullptr;
  // Told of each layer whose weights have been used, if these do not fit into memory together:
  // layers are recomputed then, whatever grad_checkpoint says. It must outlive the training.
  const models::LayerWeights* weights = nullptr;
};

/// Those of its options that make batches.
inline data::BatchOptions batch_options(const TrainOptions& options) {
  return {.batch_size = options.batch_size,
          .batch_tokens = options.batch_tokens,
          .group_by_length = options.group_by_length,
          .batches_a_step = options.batches_a_step};
}

}  // namespace graft::training
