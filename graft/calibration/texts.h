#pragma once

#include <cstdint>
#include <vector>

#include "graft/data/batch.h"
#include "graft/data/dataset.h"
#include "graft/models/model.h"

namespace graft::calibration {

struct TextsOptions {
  int64_t most_tokens = 8192;   // of all; at least one example is taken
  int64_t longest = 2048;       // an example is cut to so many
  int64_t batch_tokens = 1024;  // of a batch of several examples
  size_t part = 0, parts = 1;   // every `parts`th example alone, from number `part` on
};

/// How many tokens show what a layer of so many inputs reads: `least`, or 8 for each input, since
/// moments of fewer say more of the texts than of what is read.
int64_t tokens_that_show(int64_t in, int64_t least);
/// The same of a model's linear layers, by the widest one.
int64_t tokens_to_see(models::Model& model, int64_t least);

/// Examples of a data set, evenly spread over it, as batches: those that fit `most_tokens`. Batches
/// without a token that carries loss are left out.
std::vector<data::Batch> texts_of(const data::Dataset& set, const TextsOptions& options);

}  // namespace graft::calibration
