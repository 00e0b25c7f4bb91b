#pragma once

namespace graft::models {

/// Told when a layer's weights have been used, by whoever runs layers so that not all of them need
/// be in memory.
class LayerWeights {
 public:
  virtual ~LayerWeights() = default;
  /// The layer is done for now; `next` comes after the one that comes now, and may be none.
  virtual void used(int layer, int next) const = 0;
};

}  // namespace graft::models
