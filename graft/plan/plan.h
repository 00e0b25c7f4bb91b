#pragma once

#include <cstdint>
#include <string>

#include "graft/plan/machine_speed.h"
#include "graft/plan/training_memory.h"

namespace graft::plan {

/// The time of a run, in seconds.
struct Time {
  double step = 0;        // on average over the run's batches
  double exchange = 0;    // of that, of gradients between processes
  double kept_step = 0;   // the same once what the lowest layers give is kept
  int kept_layers = 0;    // these; 0: nothing is
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
  int ranks = 1;              // processes, each of which takes this memory
};

/// The time of the steps from `done` on, each with `exchange` seconds between the processes.
Time training_time(const Subject& subject, const RunBatches& batches, const KernelSpeeds& speeds,
                   int done = 0, const KeptLayers& kept = {}, double exchange = 0);

/// "about 1.93 GB of memory, 0.81 s a step, 14 min in all"; with layers that are kept "0.81 s a
/// step (0.52 s once layers 0 to 13 are kept)".
std::string in_short(const Plan& plan);

/// "0.81 s", and what a step takes later if that is less: see in_short.
std::string step_text(const Time& time, const char* unit = "");

/// "1.93 GB".
std::string gigabytes(size_t bytes);
/// "0.81 s", "14 min", "3 h 20 min".
std::string duration(double seconds);

}  // namespace graft::plan
