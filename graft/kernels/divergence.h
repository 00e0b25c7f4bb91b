#pragma once

#include <cstdint>

namespace graft::kernels {

/// Scores of two distributions over V, row by row: p = softmax(wanted), q = softmax(predicted).
struct DivergenceRows {
  int64_t rows, count;              // count: V
  const float *predicted, *wanted;  // [rows, V]
  const float* weights;             // [rows]
};

/// Of each row the Kullback-Leibler divergence sum_v p_v log(p_v / q_v), in nats, into `out`
/// [rows]; and unless it is null, the gradient of weight * divergence by the predicted scores,
/// [rows, V]: weight * (q - p).
void divergence(const DivergenceRows& rows, float* out, float* gradient);

}  // namespace graft::kernels
