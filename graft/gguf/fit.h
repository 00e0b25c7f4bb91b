#pragma once

#include <span>

namespace graft::gguf {

/// Numbers as scale * q + minimum, q from 0 to `most`.
struct AffineFit {
  float scale = 0, minimum = 0;
  double error = 0;  // the sum of squares
};

/// The best found, by least squares over roundings of several widths. With `not_above_zero` the
/// minimum is at most 0.
AffineFit fit_affine(std::span<const float> numbers, int most, bool not_above_zero);

/// Numbers as scale * q, q from -most to most - 1; the scale may be negative.
struct SignedFit {
  float scale = 0;
  double error = 0;
};

SignedFit fit_signed(std::span<const float> numbers, int most);

}  // namespace graft::gguf
