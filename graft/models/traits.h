#pragma once

#include <string>
#include <vector>

#include "graft/base/json_types.h"

namespace graft::models {

/// Properties of a family's checkpoints, apart from how its model is made. They are set in the
/// registry; the code that makes models and the code that converts checkpoints look them up here.
struct FamilyTraits {
  bool tied_head = false;   // the head is tied if the config does not say
  bool multimodal = false;  // the language model is a part of the checkpoint
  bool head_bias = false;   // the head has one
  // Layers that mlx-lm always keeps in 8 bits, by the ends of their paths: a router that is rounded
  // to few bits chooses other experts; Granite's weights of small scale.
  std::vector<std::string> eight_bits = {};

  bool wants_eight_bits(const std::string& path) const;
};

/// The traits for a config's `model_type`; the defaults if it is unknown.
const FamilyTraits& traits_of(const json& config);
/// The same of a `model_type`.
const FamilyTraits& traits_of(const std::string& model_type);

}  // namespace graft::models
