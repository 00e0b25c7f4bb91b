#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "graft/data/batch.h"

namespace graft::data {

/// How the examples of an epoch become batches.
struct BatchOptions {
  int batch_size = 4;            // examples of a batch, unless they are packed
  int64_t batch_tokens = 0;      // above 0: packed, whole examples up to so many tokens
  bool group_by_length = false;  // a batch's examples are about as long as each other
  int batches_a_step = 1;        // whose gradients are summed
};

/// The state of a sampler, which determines its next batches.
struct SamplerState {
  std::string generator;          // std::mt19937_64, in the standard's text form
  std::vector<size_t> order;      // of the examples, in this epoch
  size_t position = 0;            // of the next example in `order`
  std::vector<size_t> ends = {};  // of packed batches, in `order`

  bool operator==(const SamplerState&) const = default;
};

/// The batches of training: all examples in random order, then all again in a new one. The last
/// batch of an epoch may be smaller; a data set smaller than a batch is one batch. Where the set's
/// sources have shares, an epoch has as many examples, of each source as its share says, each of
/// them as often as another or once more. A step takes a group of batches.
///
/// Packed batches and those of one length are made from stretches of the random order. An example
/// longer than a batch's tokens is a batch of its own.
class Sampler {
 public:
  /// `dataset` must outlive it.
  Sampler(const Dataset& dataset, const BatchOptions& options, uint64_t seed);

  std::vector<Batch> next_group();
  /// The last group comes again: nothing came of it.
  void take_back();
  /// The same as places in the data set, without their tokens.
  std::vector<std::vector<size_t>> next_places();

  SamplerState state() const;
  /// Continues from a state. Throws Error if it is not of a data set of this size.
  void restore(const SamplerState& state);

  /// How many batches so many epochs are, of a sampler that begins with this seed; of more than
  /// 2^31 steps no more are counted.
  static int64_t batches_in(const Dataset& dataset, const BatchOptions& options, uint64_t seed,
                            double epochs);

 private:
  std::vector<size_t> next();
  void begin_epoch();
  void draw_shares();
  template <class Value>
  void shuffle(std::vector<Value>& values);
  void group_by_length();
  void pack();
  int64_t tokens_of(size_t example) const { return dataset_.examples.length(example) - 1; }

  const Dataset& dataset_;
  BatchOptions options_;
  std::mt19937_64 random_;
  std::vector<size_t> order_;
  std::vector<size_t> ends_;  // of packed batches, in `order_`
  size_t position_ = 0;
  // Before the last group: the position, and if an epoch began in it what that changed.
  struct Epoch {
    std::mt19937_64 random;
    std::vector<size_t> order, ends;
  };
  size_t position_before_ = 0;
  std::optional<Epoch> epoch_before_ = {};
};

}  // namespace graft::data
