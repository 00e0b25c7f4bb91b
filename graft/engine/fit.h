#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/data/dataset.h"
#include "graft/engine/loaded_model.h"
#include "graft/plan/training_memory.h"
#include "graft/training/trainer.h"

namespace graft::engine {

/// A training that is too large, and what it was planned with.
struct Planned {
  const LoadedModel& loaded;
  lora::LoraSettings settings;
  const training::TrainOptions& options;
  const data::Dataset &train, &valid;
  plan::Memory memory;
  int ranks = 1;
};

/// Something that makes a training smaller.
struct Remedy {
  std::string what;  // with options in backquotes: "`batch_size` 2"
  size_t bytes;      // then
  bool fits;
};

/// What would make it fit into `bytes`, the mildest first: recomputing, a smaller batch, shorter
/// texts, fewer layers, quantized weights; of each the mildest form that fits, or else its
/// strongest. If none fits alone, the last is all of them together. Reads no weights.
std::vector<Remedy> remedies(const Planned& planned, size_t bytes);

}  // namespace graft::engine
