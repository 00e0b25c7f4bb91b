#pragma once

#include <mlx/mlx.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace graft::io {

namespace mx = mlx::core;

/// A tensor in a file: its type, its shape, and where its bytes lie, counted from the start of the
/// file.
struct TensorInfo {
  mx::Dtype dtype = mx::float32;
  mx::Shape shape;
  size_t offset = 0;
  size_t bytes = 0;
};

/// Bytes of an array, or nothing where the product does not fit 63 bits or a dimension is negative.
std::optional<size_t> checked_bytes(const mx::Shape& shape, mx::Dtype dtype);

/// "bfloat16", "uint32": MLX's name of a type.
std::string_view dtype_name(mx::Dtype dtype);

/// The type that people and configs call "float16", "bfloat16" or "float32", or nothing.
std::optional<mx::Dtype> dtype_from_name(std::string_view name);

/// "[2, 3]".
std::string shape_text(const mx::Shape& shape);

}  // namespace graft::io
