#pragma once

#include <mlx/array.h>

#include <optional>
#include <utility>
#include <vector>

namespace graft::nn {

namespace mx = mlx::core;

/// The keys and values of one sequence's tokens so far, for every layer: [capacity, K*C]. Rows are
/// written in place; the capacity doubles when it is used up.
class KvCache {
 public:
  explicit KvCache(int layers) : layers_(static_cast<size_t>(layers)) {}

  /// Tokens held in full, in all layers.
  int length() const { return length_; }

  /// Writes the n new rows of a layer after `length()` and gives the layer's keys and values, of
  /// which the first length() + n rows mean something. They are valid until the layer's next
  /// append, which may write into their data.
  std::pair<mx::array, mx::array> append(int layer, const mx::array& k, const mx::array& v);

  /// After all layers have appended n rows.
  void advance(int n) { length_ += n; }

  /// The arrays held: evaluated after each step, so that no graph builds up behind them.
  std::vector<mx::array> arrays() const;

 private:
  struct Layer {
    std::optional<mx::array> k, v;
  };
  std::vector<Layer> layers_;
  int length_ = 0;
};

}  // namespace graft::nn
