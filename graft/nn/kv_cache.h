#pragma once

#include <mlx/array.h>

#include <span>
#include <vector>

#include "graft/base/sequence.h"
#include "graft/ops/rows.h"

namespace graft::nn {

namespace mx = mlx::core;

/// Keys and values of a layer: consecutive blocks [kCacheBlockRows, K*C]. Only the first rows of
/// the last block are valid.
struct LayerKeysValues {
  std::vector<mx::array> k, v;
};

/// Rows of a block: a multiple of kernels::kKeyBlockRows.
inline constexpr int kCacheBlockRows = 256;

/// The keys and values of one sequence's tokens so far, for every layer, in blocks. Rows are
/// written in place. A copy shares the blocks (copy-on-write): a block that another copy still
/// holds is copied before it is written to. Copies can be used by several threads at once.
class KvCache {
 public:
  explicit KvCache(int layers) : layers_(static_cast<size_t>(layers)) {}

  /// Tokens held in all layers.
  int length() const { return length_; }

  /// Writes the n new rows of a layer after `length()` and returns the layer's keys and values.
  /// They are valid until the layer's next append, which may write into their data.
  const LayerKeysValues& append(int layer, const mx::array& k, const mx::array& v);
  /// The same for n of the rows.
  const LayerKeysValues& append(int layer, const mx::array& k, const mx::array& v,
                                ops::RowRange rows);

  /// Call this after all layers have appended n rows.
  void advance(int n) { length_ += n; }

  /// Forgets all tokens but the first `length`. Throws Error if there are fewer.
  void rewind(int length);

  /// The arrays held: evaluated after each step, so that no graph builds up behind them.
  std::vector<mx::array> arrays() const;

 private:
  std::vector<LayerKeysValues> layers_;
  int length_ = 0;
};

/// The sequences of a batch that adds counts[i] tokens to caches[i], with the keys of all caches
/// one after the other, each beginning with a block.
std::vector<Sequence> cached_sequences(std::span<KvCache* const> caches,
                                       std::span<const int> counts);

/// Appends each sequence's new rows of k and v [N, K*C] to its own cache, and returns the blocks of
/// all, in which `sequences`, of `cached_sequences`, find their keys.
LayerKeysValues append(std::span<KvCache* const> caches, std::span<const Sequence> sequences,
                       int layer, const mx::array& k, const mx::array& v);

}  // namespace graft::nn
