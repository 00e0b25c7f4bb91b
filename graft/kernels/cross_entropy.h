#pragma once

#include <cstdint>

#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

struct CrossEntropyShape {
  int64_t rows;
  int64_t vocab;
  ScalarType gradient_type = ScalarType::f32;
};

/// Per row the cross entropy of the softmax of `logits` against a target word, and its gradient.
/// logits [rows, vocab]; targets [rows], each in [0, vocab); weights [rows].
/// losses [rows] (or null): log(sum(exp(logits))) - logits[target], not weighted.
/// gradient [rows, vocab] of gradient_type, or null: weight * (softmax(logits) - onehot(target)).
/// It may be `logits` if it is f32. A row that holds a NaN or +inf gives NaN. Sums go by blocks of
/// a fixed size, so the result does not depend on the number of threads.
void cross_entropy(const CrossEntropyShape& shape, const float* logits, const int32_t* targets,
                   const float* weights, float* losses, void* gradient);

}  // namespace graft::kernels
