#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "graft/base/sequence.h"
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
  // Of each example the number of its first input among those of all batches of its step; empty:
  // the offsets.
  std::vector<int64_t> step_rows = {};

  int64_t tokens() const { return static_cast<int64_t>(inputs.size()); }
  /// The number of each input among those of all batches of its step, [N].
  std::vector<uint32_t> rows() const;
  /// Its examples, as models take them.
  std::vector<Sequence> sequences() const;
  /// Of all targets: the divisor for a sum of weighted losses.
  double weight() const;
};

inline constexpr int64_t kWhole = std::numeric_limits<int64_t>::max();

/// Examples `chosen` of a data set as a batch, each cut to `most` tokens, at least 2. Throws Error
/// for a token that the set's totals do not know: its file was damaged.
Batch make_batch(const Dataset& dataset, const std::vector<size_t>& chosen, int64_t most = kWhole);

/// The batches of an evaluation: the examples in order, the last batch possibly smaller. Each is
/// made when it is asked for, so that a set's size is no matter of memory.
class EvaluationBatches {
 public:
  /// At most `most` batches of `batch_size` examples, at least 1, or all if `most` is -1; examples
  /// are cut to `most_tokens`. `set` must outlive them.
  EvaluationBatches(const Dataset& set, int batch_size, int most, int64_t most_tokens = kWhole);
  EvaluationBatches(Dataset&&, int, int, int64_t = kWhole) = delete;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Throws Error as make_batch does.
  Batch operator[](size_t i) const;
  /// Batch::tokens of a batch, without making it.
  int64_t tokens(size_t i) const;
  /// The data set's.
  const std::string& name() const { return set_->name; }

 private:
  std::vector<size_t> examples(size_t i) const;

  const Dataset* set_;
  size_t batch_size_, size_;
  int64_t most_tokens_;
};

/// Batch::tokens of these examples, each cut to `most` tokens.
int64_t tokens_of(const Dataset& dataset, const std::vector<size_t>& chosen, int64_t most = kWhole);

}  // namespace graft::data
