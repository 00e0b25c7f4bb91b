#pragma once

#include <map>
#include <string>

#include "graft/base/files.h"
#include "graft/models/model.h"

namespace graft::plan {

/// Seconds that a kernel takes for a unit of its work (ops::Work), and for a byte of inputs and
/// outputs where it has none.
struct KernelSpeed {
  double product = 0;   // a floating-point operation
  double adapter = 0;   // one of an adapter
  double unpacked = 0;  // an element of a weight
  double byte = 0;
};

/// The kernels' speeds by name ("Linear", "AttentionBackward"), for weights of one kind. What is
/// not a kernel of ours is under kOthers.
using KernelSpeeds = std::map<std::string, KernelSpeed>;
inline constexpr const char* kOthers = "others";

/// How weights are stored and computed with: "bfloat16, 4 bits in groups of 64".
std::string weight_kind(const models::Model& model);

/// Measures the kernels on weights of this model's kind, in steps of a small model of its own: they
/// take less than 2 s on a machine that is fit for training at all, and longer on none by more than
/// one such step.
KernelSpeeds measure_kernels(const models::Model& model);

/// The speeds of this machine's kernels for the model's kind of weights: from `file`, where they
/// are kept by processor, kernels, threads and version of graft, or measured and added to it. A
/// file that is not what was written is measured again, and one that cannot be written is no error.
KernelSpeeds machine_speeds(const models::Model& model, const fs::path& file);

}  // namespace graft::plan
