#pragma once

#include <string>
#include <vector>

#include "graft/base/json_types.h"

namespace graft::models {

/// What of a config, with its defaults, mlx-lm 0.32's model of the family does not compute, in
/// words that go on "mlx-lm leaves out this model's ..."; empty where its logits are the model's.
std::vector<std::string> beyond_mlx_lm(const json& config);

}  // namespace graft::models
