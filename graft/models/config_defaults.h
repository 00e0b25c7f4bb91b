#pragma once

#include "graft/base/json_types.h"

namespace graft::models {

/// What the keys of a config mean that are not there: the defaults of the family's class in
/// transformers 5.23 (models/*/configuration_*.py), as an object; empty for another model_type.
/// Null is a value of its own and has no default.
const json& config_defaults(const json& config);

/// The config with the defaults for the keys that it lacks.
json with_defaults(json config);

/// Completes a config that is written: the keys of transformers 4 beside those of 5
/// (io::add_older_keys), and in words what a key that is missing means, since mlx-lm has other
/// defaults. `own_head`: whether the head is stored and not the embedding once more.
void complete_config(ordered_json& config, bool own_head);

}  // namespace graft::models
