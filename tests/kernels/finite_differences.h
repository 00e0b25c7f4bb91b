#pragma once

#include <gtest/gtest.h>

#include <cstdint>

#include "tests/kernels/numbers.h"

namespace graft::kernels {

/// Holds a gradient against the slope of `loss()`, a function of `x`, in each of its elements.
template <class Loss>
void expect_slopes(const Numbers& gradient, Numbers& x, Loss&& loss) {
  for (int64_t i = 0; i < x.count(); ++i) {
    const float middle = x.get(i), step = 0x1p-8f;
    x.set(i, middle + step);
    const double up = loss();
    x.set(i, middle - step);
    const double slope = (up - loss()) / (2 * double{step});
    x.set(i, middle);
    EXPECT_NEAR(gradient.get(i), slope, 1e-3) << i;
  }
}

}  // namespace graft::kernels
