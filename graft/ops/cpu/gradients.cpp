#include "graft/ops/cpu/gradients.h"

#include <mlx/ops.h>

#include <algorithm>
#include <utility>

#include "graft/base/error.h"

namespace graft::ops::cpu {

bool Gradients::wants(int argument) const {
  return std::find(argnums_.begin(), argnums_.end(), argument) != argnums_.end();
}

void Gradients::add(int argument, mx::Dtype dtype) {
  arguments_.push_back(argument);
  dtypes_.push_back(dtype);
}

std::vector<mx::array> Gradients::of(std::shared_ptr<CpuPrimitive> node,
                                     std::vector<mx::array> inputs) const {
  std::vector<mx::Shape> shapes;
  for (const int argument : arguments_) {
    shapes.push_back(primals_[static_cast<size_t>(argument)].shape());
  }
  const char* name = node->name();
  const std::vector<mx::array> outputs =
      apply(std::move(node), std::move(shapes), dtypes_, std::move(inputs));
  std::vector<mx::array> asked;
  for (const int argument : argnums_) {
    const auto found = std::find(arguments_.begin(), arguments_.end(), argument);
    if (found == arguments_.end()) fail("internal: {} has no gradient of input {}", name, argument);
    // A gradient has its argument's dtype: the node below reads it as that.
    asked.push_back(mx::astype(outputs[static_cast<size_t>(found - arguments_.begin())],
                               primals_[static_cast<size_t>(argument)].dtype()));
  }
  return asked;
}

}  // namespace graft::ops::cpu
