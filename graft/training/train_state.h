#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graft/models/parameters.h"

namespace graft::training {

namespace mx = mlx::core;

/// What an optimizer keeps for a parameter, by the name that it has in a checkpoint: "m", "v".
using Moments = std::map<std::string, mx::array>;

/// The state that a step changes. An update returns a new state, so the old one stays valid until
/// the new one is known to be good.
struct TrainState {
  int64_t step = 0;                   // steps done
  std::vector<mx::array> parameters;  // in the order of the ParameterSet
  std::vector<Moments> moments;       // of each parameter

  /// All arrays: parameter after parameter, each with its moments.
  std::vector<mx::array> arrays() const;
};

}  // namespace graft::training
