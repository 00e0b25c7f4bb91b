#pragma once

#include <cstddef>
#include <cstdint>

namespace graft::kernels {

struct MuonOptions {
  float step;  ///< the learning rate, times what the matrix's shape makes of it
  double momentum = 0.95;
  float weight_decay = 0;  ///< L2: added to the gradient
  bool nesterov = true;
  int iterations = 5;  ///< of Newton-Schulz
};

/// The kernel is for matrices whose smaller side is at most this, such as the factors of LoRA.
constexpr int64_t kMuonMostSide = 64;

/// What muon_update works with, on one thread.
size_t muon_scratch_bytes(int64_t rows, int64_t columns);

/// One step of Muon on a matrix [rows, columns], row-major, all f32: with g = gradient +
/// weight_decay p,
///   v = momentum v + (1 - momentum) g,  d = v, or (1 - momentum) g + momentum v with nesterov,
///   p = p - step O(d),
/// where O is d / (|d| + 1e-7) after Newton-Schulz iterations x = a x + (b x x^T + c (x x^T)^2) x
/// with a, b, c = 3.4445, -4.7750, 2.0315, x with the smaller side first. Each output may be its
/// input. Jordan et al., kellerjordan.github.io/posts/muon.
void muon_update(const MuonOptions& options, int64_t rows, int64_t columns, const float* gradient,
                 const float* p, const float* v, float* p_out, float* v_out);

}  // namespace graft::kernels
