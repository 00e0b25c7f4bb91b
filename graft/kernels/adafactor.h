#pragma once

#include <cstddef>
#include <cstdint>

namespace graft::kernels {

struct AdafactorOptions {
  float rate;           ///< of the step, before the parameter's size and the clipping
  float keep;           ///< of the moving averages of squares
  float eps = 1e-30f;   ///< added to squares
  float scale_eps = 0;  ///< the least size of a parameter, where it is a factor of the step
  float clip_threshold = 1;
  float weight_decay = 0;
  bool scale_parameter = false;
  double beta1 = 0;  ///< of the moving average of steps, where there is one
};

/// What adafactor_update works with for so many rows and columns of all matrices together.
size_t adafactor_scratch_bytes(int64_t rows, int64_t columns);

/// The arrays of a parameter of `count` matrices [rows, columns], all f32 and row-major.
template <class T>
struct AdafactorArrays {
  T* parameter;  ///< [count, rows, columns]
  T* row;        ///< [count, rows]: moving averages of the means of squares of a row
  T* col;        ///< [count, columns]: of a column
  T* m;          ///< as the parameter: moving average of steps; null: there is none
};

/// One step of Adafactor (Shazeer and Stern, arXiv:1804.04235), as MLX has it: with q = g^2 + eps,
///   row = keep row + (1 - keep) mean over columns of q,  col the same over rows,
///   u = g / sqrt(row col / mean(row)),  u = u / max(1, RMS(u) / clip_threshold),
///   s = rate, times max(scale_eps, RMS(p)) with scale_parameter,
///   m = beta1 m + (1 - beta1) s u,  p = p - m - s weight_decay p, or with s u for m.
/// The root mean squares are over all matrices together. Each output may be its input.
void adafactor_update(const AdafactorOptions& options, int64_t count, int64_t rows, int64_t columns,
                      const float* gradient, const AdafactorArrays<const float>& in,
                      const AdafactorArrays<float>& out);

}  // namespace graft::kernels
