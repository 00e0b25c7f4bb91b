#pragma once

#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// Query or key heads [rows, heads * head_dim] that are rotated by their positions.
struct RopeShape {
  int64_t rows;
  int64_t heads;
  int64_t head_dim;
  int64_t rotary_dim;  ///< even, at most head_dim; the dimensions from it on pass through
  ScalarType type = ScalarType::f32;
};

/// Rotary position embedding, in Hugging Face's order: within each head the dimensions i and
/// i + rotary_dim / 2 are a pair, rotated by the angle whose cosine and sine are
/// [rows, rotary_dim / 2]:
///   out_i = x_i cos_i - x_(i+half) sin_i,  out_(i+half) = x_(i+half) cos_i + x_i sin_i.
/// `inverse` rotates back (the transpose), which takes the gradient of `out` to that of `x`.
/// `out` may be x. Throws Error if rotary_dim is odd, negative or more than head_dim.
/// Su et al., RoFormer, arXiv:2104.09864.
void rope(const RopeShape& shape, const void* x, const float* cos, const float* sin, bool inverse,
          void* out);

}  // namespace graft::kernels
