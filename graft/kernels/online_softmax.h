#pragma once

#include <cstdint>
#include <limits>

#include "graft/kernels/linear_weight.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// The softmax of a row of logits that come block by block: sum(e^x) so far is e^max * sum.
struct OnlineSoftmax {
  float max = -std::numeric_limits<float>::infinity();
  double sum = 0;
  float target = 0;  ///< the target's logit, once its block has come

  /// -log(softmax(target)), when all blocks have come.
  double loss() const;
  /// softmax(target) - 1, times the slope of the soft cap.
  double target_gradient(float soft_cap) const;
};

/// A block of logits [rows, columns], of the vocabulary's ids from `first_column` on.
struct SoftmaxBlock {
  int64_t rows;
  int64_t columns;
  int64_t first_column;
  float* logits;                ///< bias and soft cap are applied to them in place
  const float* bias = nullptr;  ///< [columns], or null
  float soft_cap = 0;           ///< as kernels::Head
  const int32_t* targets;       ///< [rows], ids of the vocabulary
  /// Receives e^(logit - max) [rows, columns], but 0 for the target, each times the slope of the
  /// soft cap; null: not wanted. May be `logits` if it is f32.
  void* numerators;
  ScalarType type;  ///< of the numerators
  /// [rows, width], sums weighted with earlier blocks' numerators: a row is rescaled when its
  /// maximum grows. May be null.
  float* weighted;
  int64_t width;
};

/// Adds a block, on all threads. A row that holds a NaN or +inf becomes NaN. A row's result does
/// not depend on the other rows or the number of threads.
/// Milakov and Gimelshein, arXiv:1805.02867.
void online_softmax(const SoftmaxBlock& block, OnlineSoftmax* rows);

/// out = factors[0] x + factors[1] y, of `count` elements; out of out_type.
void weighted_sum(int64_t count, const float factors[2], const float* x, const float* y,
                  ScalarType out_type, void* out);

}  // namespace graft::kernels
