#pragma once

#include <memory>
#include <vector>

#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {

/// The outputs of a node that computes gradients of another node's arguments.
class Gradients {
 public:
  /// `primals` are the other node's inputs, `argnums` those whose gradients are asked for.
  Gradients(const std::vector<mx::array>& primals, const std::vector<int>& argnums)
      : primals_(primals), argnums_(argnums) {}

  bool wants(int argument) const;
  /// The next output is the gradient of an argument, of its shape.
  void add(int argument, mx::Dtype dtype);
  /// The gradients that are asked for, in their order, with the node applied to its inputs. Fails
  /// if one is not among the outputs: its argument is frozen.
  std::vector<mx::array> of(std::shared_ptr<CpuPrimitive> node,
                            std::vector<mx::array> inputs) const;

 private:
  const std::vector<mx::array>& primals_;
  const std::vector<int>& argnums_;
  std::vector<int> arguments_;  // of each output
  std::vector<mx::Dtype> dtypes_;
};

}  // namespace graft::ops::cpu
