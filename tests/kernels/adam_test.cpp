#include "graft/kernels/adam.h"

#include <gtest/gtest.h>

#include "graft/kernels/scalar/adam.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

float* floats(Numbers& numbers) { return static_cast<float*>(numbers.data()); }

void check(const AdamOptions& options, int64_t count, int64_t offset) {
  SCOPED_TRACE(count);
  constexpr ScalarType f32 = ScalarType::f32;
  Numbers g = Numbers(f32, count, offset).random(1), p = Numbers(f32, count, offset).random(2);
  Numbers m = Numbers(f32, count, offset).random(3);
  Numbers v = Numbers(f32, count, offset).random(4, 0.0f, 1.0f);
  Numbers p1(p), m1(m), v1(v), p2(p), m2(m), v2(v);
  adam_update(options, count, floats(g), floats(p), floats(m), floats(v), floats(p1), floats(m1),
              floats(v1));
  adam_update_scalar(options, count, floats(g), floats(p), floats(m), floats(v), floats(p2),
                     floats(m2), floats(v2));
  expect_close(p1, p2, 2e-7, 2e-7);
  expect_close(m1, m2, 2e-7, 2e-7);
  expect_close(v1, v2, 2e-7, 2e-7);
  // In place.
  adam_update(options, count, floats(g), floats(p), floats(m), floats(v), floats(p), floats(m),
              floats(v));
  expect_close(p, p1, 0, 0);
  expect_close(m, m1, 0, 0);
  expect_close(v, v1, 0, 0);
}

TEST(Adam, EveryLengthAndMisalignmentAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (int64_t count = 0; count <= 66; ++count) check({.learning_rate = 1e-2f}, count, count % 4);
    check({.learning_rate = 1e-2f}, 100003, 1);
  });
}

TEST(Adam, WeightDecayAndBiasCorrectionAgreeWithTheScalarCode) {
  for_each_isa([] {
    check({.learning_rate = 1e-2f,
           .weight_decay = 0.1f,
           .bias_correction1 = 0.1f,
           .bias_correction2 = 0.001f},
          37, 0);
  });
}

TEST(Adam, TheFirstStepIsMlxsByHand) {
  // m = 0.1 g, v = 0.001 g^2: the step is lr * 0.1 / sqrt(0.001) whatever the gradient.
  float g = 0.5f, p = 1.0f, m = 0.0f, v = 0.0f;
  adam_update({.learning_rate = 1e-2f}, 1, &g, &p, &m, &v, &p, &m, &v);
  EXPECT_NEAR(1.0 - p, 1e-2 * 0.1 / std::sqrt(0.001), 1e-7);
  EXPECT_FLOAT_EQ(m, 0.05f);
  EXPECT_FLOAT_EQ(v, 0.00025f);
}

TEST(Adam, AZeroGradientFromRestMovesNothing) {
  for_each_isa([] {
    float g = 0.0f, p = 1.0f, m = 0.0f, v = 0.0f;
    adam_update({.learning_rate = 1e-2f}, 1, &g, &p, &m, &v, &p, &m, &v);
    EXPECT_EQ(p, 1.0f);
  });
}

}  // namespace
}  // namespace graft::kernels
