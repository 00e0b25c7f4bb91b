#pragma once

#include <cstdint>
#include <string>

#include "graft/plan/machine_speed.h"
#include "graft/plan/training_memory.h"

namespace graft::plan {

/// The time of a run, in seconds.
struct Time {
  double step = 0;        // on average over the run's batches
  double validation = 0;  // each
  int validations = 0;
  double run = 0;  // steps, validations and saves
};

/// What a run takes.
struct Plan {
  Memory memory;
  Time time;
  int iters = 0;              // steps that are left
  int64_t largest_batch = 0;  // tokens
};

/// The time of the steps from `done` on.
Time training_time(const Subject& subject, const RunBatches& batches, const KernelSpeeds& speeds,
                   int done = 0);

/// "about 1.93 GB of memory, 0.81 s a step, 14 min in all".
std::string in_short(const Plan& plan);

/// "1.93 GB".
std::string gigabytes(size_t bytes);
/// "0.81 s", "14 min", "3 h 20 min".
std::string duration(double seconds);

}  // namespace graft::plan
