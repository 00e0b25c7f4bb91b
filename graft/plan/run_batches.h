#pragma once

#include <cstdint>
#include <vector>

#include "graft/data/batch.h"
#include "graft/data/dataset.h"
#include "graft/training/trainer.h"

namespace graft::plan {

/// The batches that a run will compute: the sampler's, with the run's seed.
struct RunBatches {
  data::Batch largest;                 // of training: that of the most tokens
  std::vector<data::Batch> sample;     // of training: each stands for as many batches of its size
  data::EvaluationBatches validation;  // of one validation
  std::vector<int32_t> ids;            // all different tokens of these examples, in order
  double a_step = 1;                   // batches of a step, on average
  int ranks = 1;                       // processes that share the batches
};

/// `options.iters` steps on these sets, whose examples are cut to `most` tokens. Of a run of very
/// many batches the first ones are looked at, and the largest is one that could come. `valid` must
/// outlive them. Of several processes the batches are those of who has most tokens in each step.
RunBatches batches_of_run(const data::Dataset& train, const data::Dataset& valid,
                          const training::TrainOptions& options, int64_t most = data::kWhole,
                          int ranks = 1);

}  // namespace graft::plan
