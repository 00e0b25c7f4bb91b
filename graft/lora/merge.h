#pragma once

#include <vector>

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// An adapter and how much it counts.
struct WeightedAdapter {
  AdapterFile file;
  float weight = 1;
};

/// The weighted sum of adapters, exactly: its lora_a are theirs side by side, its rank the sum of
/// theirs in each layer, and all scales and weights are in lora_b, with a scale of 1. One adapter
/// of weight 1 stays as it is. Throws Error if adapters of one layer have other sizes, for one that
/// does not say its scale, and for others of DoRA.
AdapterFile merged(const std::vector<WeightedAdapter>& adapters);

/// The nearest adapter (in the Frobenius norm of scale * a b) with at most `rank` in each layer, by
/// the singular values of the product; computed from its factors, [in, R] and [R, out], without the
/// product itself. Throws Error for an adapter of DoRA. `lost`: what of the norm is cut off, the
/// largest of all layers, from 0 to 1.
struct Truncated {
  AdapterFile file;
  double lost = 0;
};
Truncated truncated(const AdapterFile& adapter, int rank);

}  // namespace graft::lora
