#pragma once

#include <mlx/array.h>

#include <map>
#include <string>
#include <vector>

#include "graft/ops/cost.h"
#include "graft/plan/machine_speed.h"

namespace graft::plan {

namespace mx = mlx::core;

/// The work of all nodes of a kind.
struct NodeWork {
  ops::Work work;
  double bytes = 0;  // of inputs and outputs
};

/// By name of the kernel; what is MLX's own, and not a view, under kOthers.
using KernelWork = std::map<std::string, NodeWork>;

/// The work of computing these outputs.
KernelWork work_of(const std::vector<mx::array>& outputs);

/// How long it takes.
double seconds_of(const KernelWork& work, const KernelSpeeds& speeds);

}  // namespace graft::plan
