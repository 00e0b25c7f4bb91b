#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "graft/data/batch.h"

namespace graft::data {

/// The state of a sampler, which determines its next batches.
struct SamplerState {
  std::string generator;      // std::mt19937_64, in the standard's text form
  std::vector<size_t> order;  // of the examples, in this epoch
  size_t position = 0;        // of the next example in `order`

  bool operator==(const SamplerState&) const = default;
};

/// The batches of training: all examples in random order, then all again in a new one. The last
/// batch of an epoch may be smaller; a data set smaller than a batch is one batch. A step takes a
/// group of batches, whose gradients are summed.
class Sampler {
 public:
  Sampler(const Dataset& dataset, int batch_size, uint64_t seed, int batches_a_step = 1);

  std::vector<Batch> next_group();

  SamplerState state() const;
  /// Continues from a state. Throws Error if it is not of a data set of this size.
  void restore(const SamplerState& state);

 private:
  Batch next();
  void shuffle();

  const Dataset& dataset_;
  size_t batch_size_;
  int batches_a_step_;
  std::mt19937_64 random_;
  std::vector<size_t> order_;
  size_t position_ = 0;
};

}  // namespace graft::data
