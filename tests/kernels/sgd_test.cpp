#include "graft/kernels/sgd.h"

#include <gtest/gtest.h>

#include "graft/kernels/scalar/sgd.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

float* floats(Numbers& numbers) { return static_cast<float*>(numbers.data()); }

void check(const SgdOptions& options, bool with_velocity, int64_t count, int64_t offset) {
  SCOPED_TRACE(count);
  constexpr ScalarType f32 = ScalarType::f32;
  Numbers g = Numbers(f32, count, offset).random(1), p = Numbers(f32, count, offset).random(2);
  Numbers v = Numbers(f32, count, offset).random(3);
  Numbers p1(p), v1(v), p2(p), v2(v);
  auto velocity = [&](Numbers& numbers) { return with_velocity ? floats(numbers) : nullptr; };
  sgd_update(options, count, floats(g), floats(p), velocity(v), floats(p1), velocity(v1));
  sgd_update_scalar(options, count, floats(g), floats(p), velocity(v), floats(p2), velocity(v2));
  expect_close(p1, p2, 2e-7, 2e-7);
  expect_close(v1, v2, 4e-7, 4e-7);
  // In place.
  sgd_update(options, count, floats(g), floats(p), velocity(v), floats(p), velocity(v));
  expect_close(p, p1, 0, 0);
  expect_close(v, v1, 0, 0);
}

TEST(Sgd, EveryLengthAndMisalignmentAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (int64_t count = 0; count <= 66; ++count) {
      check({.learning_rate = 1e-2f, .momentum = 0.9f, .fresh = 0.7f}, true, count, count % 4);
    }
    check({.learning_rate = 1e-2f, .momentum = 0.9f}, true, 100003, 1);
  });
}

TEST(Sgd, EveryRuleAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (const float decay : {0.0f, 0.5f}) {
      check({.learning_rate = 1e-2f, .weight_decay = decay}, false, 37, 0);
      check({.learning_rate = 1e-2f, .weight_decay = decay, .momentum = 0.9f}, true, 37, 0);
      check({.learning_rate = 1e-2f, .weight_decay = decay, .momentum = 0.9f, .nesterov = true},
            true, 37, 0);
    }
  });
}

}  // namespace
}  // namespace graft::kernels
