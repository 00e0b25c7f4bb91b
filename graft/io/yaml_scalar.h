#pragma once

#include <string>

#include "graft/base/json_types.h"

namespace graft::io {

/// What a plain (unquoted) scalar of YAML 1.1 stands for, as PyYAML's SafeLoader says with mlx-lm's
/// rule for numbers (mlx_lm/lora.py): null ("~", "null", ""), a boolean ("yes", "off", "True"), an
/// integer ("1_000", "0x10", "017"), a number ("1e-5", ".5", "1_000.5", ".inf"), or else the text
/// itself; so are dates and base-60 numbers ("1:30") here. An integer that 64 bits do not hold is a
/// number.
ordered_json plain_scalar(const std::string& text);

}  // namespace graft::io
