#pragma once

#include "graft/io/json.h"

namespace graft::io {

/// Adds to a config the keys of transformers 4 beside those of transformers 5 that say the same, so
/// that programs that know only the older ones, mlx-lm among them, read the same model: rope_theta,
/// rope_scaling, partial_rotary_factor (in rope_parameters now), gemma3's rope_local_base_freq and
/// sliding_window_pattern, num_experts, torch_dtype. Keys that are there stay as they are.
void add_older_keys(ordered_json& config);

}  // namespace graft::io
