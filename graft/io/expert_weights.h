#pragma once

#include <string>
#include <vector>

#include "graft/io/model_folder.h"

namespace graft::io {

/// A weight of all experts of a layer: one tensor in a quantized model, as in mlx-lm, many in a
/// checkpoint.
struct ExpertWeights {
  std::string name;                // in mlx-lm: "<layer>.switch_mlp.up_proj.weight"
  std::vector<std::string> parts;  // "<layer>.experts.0.up_proj.weight" (or w3), ...
};

/// Which of them.
enum class StoredAs { dense, quantized };

/// The weights of `model` that are stored expert by expert; of quantized ones the `.weight`, beside
/// which there are the other parts. Throws Error, which names the tensor, if one of them is missing
/// or differs in shape or type.
std::vector<ExpertWeights> expert_weights(const ModelFolder& model,
                                          StoredAs stored = StoredAs::dense);

}  // namespace graft::io
