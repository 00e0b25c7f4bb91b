#include "graft/plan/graph_work.h"

#include <mlx/primitives.h>

#include <algorithm>

#include "graft/plan/graph_memory.h"
#include "graft/plan/tape.h"

namespace graft::plan {

KernelWork work_of(const std::vector<mx::array>& outputs) {
  KernelWork all;
  all[kOthers];
  for (const mx::array& node : tape_of(outputs)) {
    const auto cost = ops::cost_of(node);
    if (!cost && is_view(node.primitive().name())) continue;
    NodeWork& sum = all[cost ? node.primitive().name() : kOthers];
    size_t written = 0;
    for (const mx::array& out : node.outputs()) written += out.nbytes();
    sum.bytes += static_cast<double>(written);
    // Of a leaf that is larger than what comes of it, such as an embedding, only a part is read.
    for (const mx::array& in : node.inputs()) {
      const bool is_leaf = in.status() == mx::array::Status::available;
      sum.bytes += static_cast<double>(is_leaf ? std::min(in.nbytes(), written) : in.nbytes());
    }
    if (!cost) continue;
    sum.work.products += cost->work.products;
    sum.work.adapters += cost->work.adapters;
    sum.work.unpacked += cost->work.unpacked;
  }
  return all;
}

double seconds_of(const KernelWork& work, const KernelSpeeds& speeds) {
  double seconds = 0;
  for (const auto& [name, node] : work) {
    auto speed = speeds.find(name);
    // A kernel that the small model has not, such as another norm, moves memory as others do.
    if (speed == speeds.end() && name.starts_with("Expert")) speed = speeds.find(name.substr(6));
    if (speed == speeds.end()) speed = speeds.find(kOthers);
    if (speed == speeds.end()) continue;
    const KernelSpeed& s = speed->second;
    seconds += s.product * node.work.products + s.adapter * node.work.adapters +
               s.unpacked * node.work.unpacked + s.byte * node.bytes;
  }
  return seconds;
}

}  // namespace graft::plan
