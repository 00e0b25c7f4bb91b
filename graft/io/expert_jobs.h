#pragma once

#include <vector>

#include "graft/io/tensor_job.h"

namespace graft::io {

/// The jobs with every dense stack of experts, mlx-lm's `<layer>.switch_mlp.up_proj.weight`
/// [E, out, in], as one tensor for each expert, under the names of checkpoints:
/// `<layer>.experts.<n>.up_proj.weight`, in Mixtral `w3`. transformers knows no others, and fills
/// in what it does not find; mlx-lm reads both.
std::vector<TensorJob> with_experts_one_by_one(std::vector<TensorJob> jobs);

}  // namespace graft::io
