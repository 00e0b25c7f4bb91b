#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graft/io/tensor_info.h"

namespace graft::io {

/// A tensor of a mixture of experts as transformers 5 saves it in its own layout, under the names
/// that checkpoints have had before: `<layer>.mlp.experts.gate_up_proj` [E, 2F, D] is E times
/// `gate_proj` and `up_proj` [F, D] one after the other, `<layer>.mlp.experts.down_proj` [E, D, F]
/// E matrices; Mixtral's lie in `block_sparse_moe`, as does its router. All are parts of the same
/// bytes. Empty for any other tensor.
std::vector<std::pair<std::string, TensorInfo>> experts_of_transformers_5(
    const std::string& name, const TensorInfo& tensor, const std::string& model_type);

}  // namespace graft::io
