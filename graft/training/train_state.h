#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <vector>

#include "graft/models/parameters.h"

namespace graft::training {

namespace mx = mlx::core;

/// The state that a step changes. An update returns a new state, so the old one stays valid until
/// the new one is known to be good.
struct TrainState {
  int64_t step = 0;                             // steps done
  std::vector<mx::array> parameters;            // in the order of the ParameterSet
  std::vector<std::vector<mx::array>> moments;  // the arrays kept for each parameter

  /// All arrays: parameter after parameter, each with its moments.
  std::vector<mx::array> arrays() const;
};

}  // namespace graft::training
