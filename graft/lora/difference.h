#pragma once

#include <string>
#include <vector>

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// What two adapters do to one layer: Frobenius norms of their updates scale * a b, and of the
/// difference of these. A layer that one of them does not adapt has the norm 0 there.
struct LayerDifference {
  std::string layer;
  double one = 0, other = 0, between = 0;

  /// Of the angle between the two updates; 0 if one of them is none.
  double cosine() const;
};

/// The same of all layers together.
struct Difference {
  std::vector<LayerDifference> layers;
  double one = 0, other = 0, between = 0;
  bool same = false;  // no update differs
};

/// Computed from the factors, without the products. Throws Error if the adapters are of different
/// models, for one that does not say its scale, and for numbers that are not finite.
Difference difference(const AdapterFile& one, const AdapterFile& other);

}  // namespace graft::lora
