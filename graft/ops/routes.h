#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <vector>

namespace graft::ops {

namespace mx = mlx::core;

/// Which experts tokens go to. Slot t * K + k is the k-th choice of token t.
struct Routes {
  int chosen = 0;                // K
  std::vector<int32_t> experts;  // [N*K] by slot: the expert
  std::vector<int32_t> slots;    // [N*K] slots in the order of their experts
  std::vector<int32_t> begin;    // [E + 1] where in `slots` an expert's begin

  /// The tokens [N*K] in the order of their experts.
  mx::array tokens() const;
  /// The places [N*K] of the slots in that order.
  mx::array places() const;
  /// [N, K]: the experts that each token has chosen.
  mx::array choices() const;
};

/// Chooses the `chosen` largest of each row of a router's logits [N, E], the first among equals.
///
/// The only operation that is not lazy: how many rows an expert gets decides the shapes of all
/// later operations, so the logits, and everything they depend on, are evaluated here. No gradient
/// goes through the choice.
Routes route(const mx::array& logits, int chosen);

}  // namespace graft::ops
