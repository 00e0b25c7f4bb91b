#include "graft/kernels/lion.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graft/kernels/scalar/lion.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

float* floats(Numbers& numbers) { return static_cast<float*>(numbers.data()); }

void check(const LionOptions& options, int64_t count, int64_t offset) {
  SCOPED_TRACE(count);
  constexpr ScalarType f32 = ScalarType::f32;
  Numbers g = Numbers(f32, count, offset).random(1), p = Numbers(f32, count, offset).random(2);
  Numbers m = Numbers(f32, count, offset).random(3);
  Numbers p1(p), m1(m), p2(p), m2(m);
  lion_update(options, count, floats(g), floats(p), floats(m), floats(p1), floats(m1));
  lion_update_scalar(options, count, floats(g), floats(p), floats(m), floats(p2), floats(m2));
  expect_close(p1, p2, 2e-7, 2e-7);
  expect_close(m1, m2, 2e-7, 2e-7);
  // In place.
  lion_update(options, count, floats(g), floats(p), floats(m), floats(p), floats(m));
  expect_close(p, p1, 0, 0);
  expect_close(m, m1, 0, 0);
}

TEST(Lion, EveryLengthAndMisalignmentAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (int64_t count = 0; count <= 66; ++count) {
      check({.learning_rate = 1e-2f, .weight_decay = 0.5f}, count, count % 4);
    }
    check({.learning_rate = 1e-2f, .beta1 = 0.8, .beta2 = 0.95}, 100003, 1);
  });
}

TEST(Lion, NoDirectionMovesNothingAndANanStaysOne) {
  for_each_isa([] {
    float g[] = {0, -0.0f, NAN}, p[] = {1, 1, 1}, m[] = {0, 0, 0};
    lion_update({.learning_rate = 1e-2f}, 3, g, p, m, p, m);
    EXPECT_EQ(p[0], 1.0f);
    EXPECT_EQ(p[1], 1.0f);
    EXPECT_TRUE(std::isnan(p[2]));
  });
}

}  // namespace
}  // namespace graft::kernels
