#include "graft/kernels/activation.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "graft/kernels/scalar/activation.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

constexpr Activation kAllKinds[] = {Activation::silu, Activation::gelu_tanh, Activation::gelu};

// What an output may differ by: silu is as exact where it is tiny as where it is not; the two forms
// of GELU take e to a rounded power, and lose digits where that is large and they are near 0.
double absolute_of(Activation kind) { return kind == Activation::silu ? 4e-36 : 1e-7; }

void check(Activation kind, const Numbers& gate, const Numbers& up, const Numbers& d_out,
           int64_t offset) {
  const ScalarType type = gate.type();
  const int64_t count = gate.count();
  SCOPED_TRACE(testing::Message() << count << " of type " << static_cast<int>(type)
                                  << ", activation " << static_cast<int>(kind));
  for (const void* ups : {up.data(), static_cast<const void*>(nullptr)}) {
    Numbers out(type, count, offset), out2(type, count);
    activation(kind, count, type, gate.data(), ups, out.data());
    activation_scalar(kind, count, type, gate.data(), ups, out2.data());
    expect_close(out, out2, 1e-6, absolute_of(kind));
    Numbers d_gate(type, count, offset), d_up(type, count, offset);
    Numbers d_gate2(type, count), d_up2(type, count);
    activation_backward(kind, count, type, gate.data(), ups, d_out.data(), d_gate.data(),
                        d_up.data());
    activation_backward_scalar(kind, count, type, gate.data(), ups, d_out.data(), d_gate2.data(),
                               d_up2.data());
    expect_close(d_gate, d_gate2, 1e-6, kind == Activation::silu ? 1e-6 : 4e-6);
    // Without `up`, both are what they were filled with.
    expect_close(d_up, d_up2, 1e-6, absolute_of(kind));
  }
}

TEST(Activation, EveryLengthTypeAndMisalignmentAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (Activation kind : kAllKinds) {
      for (ScalarType type : kAllTypes) {
        for (int64_t count = 0; count <= 66; ++count) {
          const int64_t offset = count % 4;
          check(kind, Numbers(type, count, offset).random(1, -8, 8),
                Numbers(type, count, offset).random(2), Numbers(type, count, offset).random(3),
                offset);
        }
        check(kind, Numbers(type, 70001).random(1, -90, 90), Numbers(type, 70001).random(2),
              Numbers(type, 70001).random(3), 0);
      }
    }
  });
}

TEST(Activation, ExtremeValuesAgreeWithTheScalarCode) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float most = std::numeric_limits<float>::max();
  const float values[] = {0.0f,  -0.0f, 1e-40f, -1e-40f, 1e-7f,  30.0f, -30.0f, 85.0f, -85.0f, 1e4f,
                          -1e4f, 6e4f,  -6e4f,  1e20f,   -1e20f, most,  -most,  inf,   -inf,   nan};
  constexpr int64_t kCount = std::size(values);
  for_each_isa([&] {
    for (Activation kind : kAllKinds) {
      for (ScalarType type : kAllTypes) {
        Numbers gate(type, kCount), up = Numbers(type, kCount).random(1, -1, 1);
        const Numbers d_out = Numbers(type, kCount).random(2, -1, 1);
        for (int64_t i = 0; i < kCount; ++i) gate.set(i, values[i]);
        check(kind, gate, up, d_out, 0);
        check(kind, Numbers(type, kCount).random(3), gate, up, 0);
      }
    }
  });
}

// Over all magnitudes, so that the relative error around 0 is seen, and densely where the functions
// bend.
TEST(Activation, EveryKindIsWithinItsError) {
  std::vector<float> x;
  for (float magnitude = 1e-30f; magnitude < 1e30f; magnitude *= 1.01f) {
    x.push_back(magnitude);
    x.push_back(-magnitude);
  }
  for (int i = -140000; i <= 140000; ++i) x.push_back(static_cast<float>(i) * 1e-4f);
  const int64_t count = static_cast<int64_t>(x.size());
  const std::vector<float> ones(x.size(), 1.0f);
  std::vector<float> y(x.size()), slope(x.size());
  for_each_isa([&] {
    for (Activation kind : kAllKinds) {
      activation(kind, count, ScalarType::f32, x.data(), nullptr, y.data());
      activation_backward(kind, count, ScalarType::f32, x.data(), nullptr, ones.data(),
                          slope.data(), nullptr);
      double error = 0, relative_error = 0, slope_error = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        const ActivationScalar exact = activation_scalar(kind, x[i]);
        const double difference = std::abs(y[i] - exact.value);
        if (x[i] != 0) error = std::max(error, difference / std::abs(x[i]));
        if (x[i] >= -1 && x[i] != 0) {
          relative_error = std::max(relative_error, difference / std::abs(exact.value));
        }
        slope_error = std::max(slope_error, std::abs(slope[i] - exact.slope));
      }
      EXPECT_LT(error, 5e-7) << static_cast<int>(kind);
      EXPECT_LT(relative_error, 7e-7) << static_cast<int>(kind);
      EXPECT_LT(slope_error, kind == Activation::silu ? 4e-6 : 1e-6) << static_cast<int>(kind);
    }
  });
}

// Values of the closed forms, computed apart: what the twin and the kernels could get wrong
// together.
TEST(Activation, TheKindsAreTheFunctionsOfTheirNames) {
  const float x[] = {-3.0f, -1.0f, 0.5f, 2.0f};
  const float silu[] = {-0.14227762f, -0.26894142f, 0.31122967f, 1.76159416f};
  const float gelu_tanh[] = {-0.00363739f, -0.15880801f, 0.34571401f, 1.95459769f};
  const float gelu[] = {-0.00404969f, -0.15865525f, 0.34573123f, 1.95449974f};
  auto expect = [&](Activation kind, const float* expected) {
    float y[4];
    activation(kind, 4, ScalarType::f32, x, nullptr, y);
    for (int i = 0; i < 4; ++i) EXPECT_NEAR(y[i], expected[i], 3e-7) << static_cast<int>(kind);
  };
  expect(Activation::silu, silu);
  expect(Activation::gelu_tanh, gelu_tanh);
  expect(Activation::gelu, gelu);
}

TEST(Activation, TheBackwardIsTheDerivativeOfTheForward) {
  for (Activation kind : kAllKinds) {
    for (float g : {-6.0f, -1.0f, 0.0f, 0.5f, 3.0f, 20.0f}) {
      const float u = 1.25f, dy = 0.75f, step = 0x1p-8f;
      float d_gate = 0, d_up = 0, d_alone = 0;
      activation_backward(kind, 1, ScalarType::f32, &g, &u, &dy, &d_gate, &d_up);
      activation_backward(kind, 1, ScalarType::f32, &g, nullptr, &dy, &d_alone, nullptr);
      auto f = [&](double gate) { return activation_scalar(kind, gate).value; };
      const double slope = (f(g + step) - f(g - step)) / (2 * step);
      EXPECT_NEAR(d_gate, dy * u * slope, 1e-4);
      EXPECT_NEAR(d_up, dy * f(g), 1e-4);
      EXPECT_NEAR(d_alone, dy * slope, 1e-4);
    }
  }
}

TEST(Activation, OutputsMayTakeThePlaceOfInputs) {
  for_each_isa([&] {
    for (Activation kind : kAllKinds) {
      Numbers gate = Numbers(ScalarType::bf16, 45).random(1), up = Numbers(gate).random(2);
      const Numbers d_out = Numbers(gate).random(3);
      Numbers d_gate(gate), d_up(gate), out(gate), up_again(up), gate_again(gate);
      activation(kind, 45, ScalarType::bf16, gate.data(), up.data(), out.data());
      activation(kind, 45, ScalarType::bf16, gate.data(), up.data(), up_again.data());
      expect_close(up_again, out, 0, 0);
      activation(kind, 45, ScalarType::bf16, gate.data(), nullptr, out.data());
      activation(kind, 45, ScalarType::bf16, gate_again.data(), nullptr, gate_again.data());
      expect_close(gate_again, out, 0, 0);
      activation_backward(kind, 45, ScalarType::bf16, gate.data(), up.data(), d_out.data(),
                          d_gate.data(), d_up.data());
      activation_backward(kind, 45, ScalarType::bf16, gate.data(), up.data(), d_out.data(),
                          gate.data(), up.data());
      expect_close(gate, d_gate, 0, 0);
      expect_close(up, d_up, 0, 0);
    }
  });
}

}  // namespace
}  // namespace graft::kernels
