#pragma once

#include <mlx/mlx.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace graft::io {

namespace mx = mlx::core;

/// What the header of a .npy file says
/// (format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
struct NpyHeader {
  mx::Dtype dtype = mx::float32;
  mx::Shape shape;
  bool fortran_order = false;  // the first index varies fastest
  size_t data_offset = 0;      // bytes before the data
  size_t data_bytes = 0;
};

/// Reads the header at the start of `bytes` (versions 1 to 3, little-endian types that MLX has;
/// bfloat16 as MLX stores it, "<V2"). `what` names the file in errors. Throws Error for any other.
NpyHeader parse_npy_header(std::string_view bytes, const std::string& what);

/// The most bytes that parse_npy_header needs.
inline constexpr size_t kMaxNpyHeader = 1 << 16;

/// The header of a C-ordered array, padded so that the data starts at a multiple of 64 bytes.
std::string npy_header(mx::Dtype dtype, const mx::Shape& shape);

}  // namespace graft::io
