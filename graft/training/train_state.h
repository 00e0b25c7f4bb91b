#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <vector>

#include "graft/models/parameters.h"

namespace graft::training {

namespace mx = mlx::core;

/// What a step changes. An update gives a new state; the old one stays good until the new one is
/// known to be.
struct TrainState {
  int64_t step = 0;                             // steps done
  std::vector<mx::array> parameters;            // in the order of the ParameterSet
  std::vector<std::vector<mx::array>> moments;  // of each parameter: what the optimizer keeps of it

  /// All arrays: parameter after parameter, each with its moments.
  std::vector<mx::array> arrays() const;
};

}  // namespace graft::training
