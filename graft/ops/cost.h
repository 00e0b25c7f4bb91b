#pragma once

#include <mlx/array.h>

#include <cstddef>
#include <optional>
#include <string>

namespace graft::ops {

namespace mx = mlx::core;

/// Bytes that a kernel works with besides its inputs and outputs.
struct Scratch {
  size_t shared = 0;   // kept, and shared with the other kernels: the largest counts
  size_t own = 0;      // kept for kernels of this name
  size_t passing = 0;  // while it runs
};

/// The work of a kernel; all 0 where memory is what takes its time.
struct Work {
  double products = 0;  // floating-point operations, without those of adapters
  double adapters = 0;  // those of adapters
  double unpacked = 0;  // elements of weights that are made ready for products
};

/// What running a node of a graph costs.
struct NodeCost {
  Work work;
  Scratch scratch;
};

/// The cost of a node that has not run, if it is one of our CPU kernels. Of its inputs only leaves
/// are read.
std::optional<NodeCost> cost_of(const mx::array& node);

}  // namespace graft::ops
