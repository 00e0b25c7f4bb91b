#pragma once

#include <string>
#include <vector>

#include "graft/base/json_types.h"

namespace graft::models {

/// What holds for a family's checkpoints, beside how its model is made. A line of the registry says
/// it, and both who makes models and who converts checkpoints ask for it here.
struct FamilyTraits {
  bool tied_head = false;   // the head is the embedding where the config says nothing
  bool multimodal = false;  // the language model is a part of the checkpoint
  // Layers that mlx-lm keeps in 8 bits whatever is asked for, by the ends of their paths: a router
  // that is rounded to few bits chooses other experts; Granite's weights of small scale.
  std::vector<std::string> eight_bits = {};

  bool wants_eight_bits(const std::string& path) const;
};

/// By a config's `model_type`; those of no family in particular if it is not known.
const FamilyTraits& traits_of(const json& config);

}  // namespace graft::models
