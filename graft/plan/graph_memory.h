#pragma once

#include <mlx/array.h>

#include <cstddef>
#include <string_view>
#include <vector>

namespace graft::plan {

namespace mx = mlx::core;

/// Bytes that are taken while a graph is computed, when they are most.
struct GraphMemory {
  size_t activations = 0;  // outputs of the forward pass
  size_t gradients = 0;    // of the activations, and of the parameters
  size_t results = 0;      // what the caller keeps: new parameters and moments
  size_t scratch = 0;      // what kernels work with
  size_t logits = 0;       // of that, the head's blocks of logits

  size_t total() const { return activations + gradients + results + scratch + logits; }
};

/// Whether a node of MLX of this name computes nothing: its output is another view of its input,
/// unless that has gaps which the output cannot have.
bool is_view(std::string_view name);

/// What mx::eval of these outputs on the CPU will take besides the leaves of the graph, which stay.
/// Goes through the graph as MLX does, which allocates a node's outputs and frees what was used for
/// the last time, and computes nothing. The order, what shares memory with its input, what takes
/// its place, and how far MLX's allocations run ahead of its computations all count: see
/// docs/plan.md. `kept` are arrays whose handles the caller has besides `outputs`.
GraphMemory memory_of(const std::vector<mx::array>& outputs,
                      const std::vector<mx::array>& kept = {});

/// The same of a tape_of(outputs). With `in_place`, what is asked for takes the place of leaves,
/// and is not counted.
GraphMemory memory_of_tape(const std::vector<mx::array>& tape,
                           const std::vector<mx::array>& outputs,
                           const std::vector<mx::array>& kept, bool in_place = false);

/// The same of several evaluations, one after the other, each of what the ones before it have not
/// computed.
GraphMemory memory_of_stages(const std::vector<std::vector<mx::array>>& stages,
                             const std::vector<mx::array>& kept);

}  // namespace graft::plan
