#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "graft/data/dataset.h"

namespace graft::data {

/// Some examples concatenated into N tokens, without padding: of an example with n tokens the first
/// n-1 are inputs and the last n-1 targets.
struct Batch {
  std::vector<int32_t> inputs;   // [N]
  std::vector<int32_t> targets;  // [N]
  std::vector<float> weights;    // [N], of the targets; 0: no loss
  std::vector<int64_t> offsets;  // where each example begins, and N
  std::vector<size_t> examples;  // their places in the data set

  int64_t tokens() const { return static_cast<int64_t>(inputs.size()); }
  /// Of all targets: the divisor for a sum of weighted losses.
  double weight() const;
};

inline constexpr int64_t kWhole = std::numeric_limits<int64_t>::max();

/// Examples `chosen` of a data set as a batch, each cut to `most` tokens, at least 2. Throws Error
/// for a token that the set's totals do not know: its file was damaged.
Batch make_batch(const Dataset& dataset, const std::vector<size_t>& chosen, int64_t most = kWhole);

/// The batches of an evaluation: the examples in order, the last batch possibly smaller; at most
/// `most` batches, or all if it is -1.
std::vector<Batch> evaluation_batches(const Dataset& dataset, int batch_size, int most,
                                      int64_t most_tokens = kWhole);

}  // namespace graft::data
