// Norms of the rows of adapted weights: our kernels against the portable form.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graft/ops/adapted_norms.h"
#include "tests/ops/of_each_type.h"

namespace graft::ops {
namespace {

class NormsOfAdaptedWeights : public OfEachType {};

TEST_P(NormsOfAdaptedWeights, NormsOfAdaptedRows) {
  for (int bits : {0, 2, 3, 4, 5, 6, 8}) {
    SCOPED_TRACE(bits);
    const mx::array dense = random({48, 128}, 0.1f);
    const Weight w = bits == 0 ? Weight{dense, {}, {}, 0, 0} : quantized(dense, 64, bits, dtype());
    const mx::array a = random_array({128, 5}, mx::float32, 0.2f);
    const mx::array b = random_array({5, 48}, mx::float32, 0.2f);
    const mx::array sum = mx::add(dequantized(w, mx::float32),
                                  mx::multiply(mx::array(1.5f), mx::transpose(mx::matmul(a, b))));
    const mx::array norms = mx::sqrt(mx::sum(mx::square(sum), 1));
    const mx::array found = adapted_row_norms(w, squared_row_norms(w), a, b, 1.5f);
    EXPECT_LT(testing::distance(found, norms), 3e-6);
  }
}

TEST(AdaptedNorms, RowsThatVanishAreFinite) {
  const mx::array w = mx::array({0.0f, 0.0f, 1.0f, 2.0f}, {2, 2});  // a row of zeros, (1, 2)
  const mx::array a = mx::array({1.0f, 2.0f}, {2, 1}), b = mx::array({0.0f, -1.0f}, {1, 2});
  const Weight weight{w, {}, {}, 0, 0};
  const mx::array found = adapted_row_norms(weight, squared_row_norms(weight), a, b, 1);
  EXPECT_EQ(mx::take(found, 0).item<float>(), std::numeric_limits<float>::infinity());
  EXPECT_NEAR(mx::take(found, 1).item<float>(), std::sqrt(5.0) / 1000, 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Types, NormsOfAdaptedWeights, kEachType, name_of_type);

}  // namespace
}  // namespace graft::ops
