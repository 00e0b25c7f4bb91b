#pragma once

#include <string>
#include <vector>

#include "graft/io/model_folder.h"

namespace graft::convert {

/// One weight of all experts of a layer, which mlx-lm has in one tensor and a checkpoint in many.
struct ExpertWeights {
  std::string name;                // of the one: "<layer>.switch_mlp.up_proj.weight"
  std::vector<std::string> parts;  // "<layer>.experts.0.up_proj.weight" (or w3), ...
};

/// The weights of `model` that are there expert by expert. Throws Error, which names the tensor, if
/// one of them is missing or differs in shape or type.
std::vector<ExpertWeights> expert_weights(const io::ModelFolder& model);

}  // namespace graft::convert
