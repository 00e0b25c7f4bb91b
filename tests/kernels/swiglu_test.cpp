#include "graft/kernels/swiglu.h"

#include <gtest/gtest.h>

#include <limits>

#include "graft/kernels/scalar/swiglu.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

void check(const Numbers& gate, const Numbers& up, const Numbers& d_out, int64_t offset) {
  const ScalarType type = gate.type();
  const int64_t count = gate.count();
  SCOPED_TRACE(testing::Message() << count << " of type " << static_cast<int>(type));
  Numbers out(type, count, offset), out2(type, count);
  swiglu(count, type, gate.data(), up.data(), out.data());
  swiglu_scalar(count, type, gate.data(), up.data(), out2.data());
  expect_close(out, out2, 1e-6, 4e-36);
  Numbers d_gate(type, count, offset), d_up(type, count, offset);
  Numbers d_gate2(type, count), d_up2(type, count);
  swiglu_backward(count, type, gate.data(), up.data(), d_out.data(), d_gate.data(), d_up.data());
  swiglu_backward_scalar(count, type, gate.data(), up.data(), d_out.data(), d_gate2.data(),
                         d_up2.data());
  expect_close(d_gate, d_gate2, 1e-6, 1e-6);
  expect_close(d_up, d_up2, 1e-6, 4e-36);
}

TEST(Swiglu, EveryLengthTypeAndMisalignmentAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t count = 0; count <= 66; ++count) {
        const int64_t offset = count % 4;
        check(Numbers(type, count, offset).random(1, -8, 8), Numbers(type, count, offset).random(2),
              Numbers(type, count, offset).random(3), offset);
      }
      check(Numbers(type, 70001).random(1, -90, 90), Numbers(type, 70001).random(2),
            Numbers(type, 70001).random(3), 0);
    }
  });
}

TEST(Swiglu, ExtremeValuesAgreeWithTheScalarCode) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  // No infinite gate: the twin in double and f32 differ in where e^-x overflows, not in the limit,
  // and the derivative there is NaN in both.
  const float values[] = {0.0f,   -0.0f, 1e-40f, -1e-40f, 1e-7f, 30.0f, -30.0f, 85.0f,
                          -85.0f, 1e4f,  -1e4f,  6e4f,    -6e4f, inf,   -inf,   nan};
  for_each_isa([&] {
    for (ScalarType type : kAllTypes) {
      Numbers gate(type, 16), up = Numbers(type, 16).random(1), d_out = Numbers(type, 16).random(2);
      for (int64_t i = 0; i < 16; ++i) gate.set(i, values[i]);
      check(gate, up, d_out, 0);
      check(Numbers(type, 16).random(3), gate, up, 0);
    }
  });
}

TEST(Swiglu, TheBackwardIsTheDerivativeOfTheForward) {
  for (float g : {-6.0f, -1.0f, 0.0f, 0.5f, 3.0f, 20.0f}) {
    const float u = 1.25f, dy = 0.75f, step = 0x1p-8f;
    float d_gate = 0, d_up = 0;
    swiglu_backward(1, ScalarType::f32, &g, &u, &dy, &d_gate, &d_up);
    auto f = [](double gate, double up) { return gate / (1 + std::exp(-gate)) * up; };
    EXPECT_NEAR(d_gate, dy * (f(g + step, u) - f(g - step, u)) / (2 * step), 1e-4);
    EXPECT_NEAR(d_up, dy * (f(g, u + step) - f(g, u - step)) / (2 * step), 1e-4);
  }
}

TEST(Swiglu, OutputsMayTakeThePlaceOfInputs) {
  for_each_isa([&] {
    Numbers gate = Numbers(ScalarType::bf16, 45).random(1), up = Numbers(gate).random(2);
    const Numbers d_out = Numbers(gate).random(3);
    Numbers d_gate(gate), d_up(gate), out(gate), up_again(up);
    swiglu(45, ScalarType::bf16, gate.data(), up.data(), out.data());
    swiglu(45, ScalarType::bf16, gate.data(), up.data(), up_again.data());
    expect_close(up_again, out, 0, 0);
    swiglu_backward(45, ScalarType::bf16, gate.data(), up.data(), d_out.data(), d_gate.data(),
                    d_up.data());
    swiglu_backward(45, ScalarType::bf16, gate.data(), up.data(), d_out.data(), gate.data(),
                    up.data());
    expect_close(gate, d_gate, 0, 0);
    expect_close(up, d_up, 0, 0);
  });
}

}  // namespace
}  // namespace graft::kernels
