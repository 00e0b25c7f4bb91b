#pragma once

#include <optional>
#include <string_view>

#include "graft/io/tensor_info.h"

namespace graft::io {

/// The MLX type of a safetensors type name ("BF16"), or nothing if MLX has none.
std::optional<mx::Dtype> dtype_from_safetensors(std::string_view name);

/// The reverse.
std::string_view safetensors_name(mx::Dtype dtype);

}  // namespace graft::io
