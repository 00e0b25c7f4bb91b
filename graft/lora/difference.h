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
  double magnitudes = 0;  // with DoRA: the norm of all differences of m, in relation to one's m
  bool same = false;      // no update differs, and no magnitude
};

/// Computed from the factors, without the products. Throws Error if the adapters are of different
/// models, if one alone is of DoRA, for one that does not say its scale, and for numbers that are
/// not finite. Of DoRA's, updates are those before a row gets its magnitude.
Difference difference(const AdapterFile& one, const AdapterFile& other);

}  // namespace graft::lora
