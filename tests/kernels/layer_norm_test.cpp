#include "graft/kernels/layer_norm.h"

#include <gtest/gtest.h>

#include <limits>

#include "graft/kernels/scalar/layer_norm.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/finite_differences.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

struct Case {
  NormShape shape;
  bool with_delta;
  bool with_bias;
  int64_t offset = 0;
};

void check_forward(const Case& c, const Numbers& h, const Numbers& delta, const Numbers& weight,
                   const Numbers& bias) {
  const int64_t count = c.shape.rows * c.shape.width;
  Numbers sum(c.shape.type, count, c.offset), normed(c.shape.type, count, c.offset);
  Numbers sum2(c.shape.type, count), normed2(c.shape.type, count);
  const void* d = c.with_delta ? delta.data() : nullptr;
  const void* b = c.with_bias ? bias.data() : nullptr;
  add_layer_norm(c.shape, h.data(), d, weight.data(), b, sum.data(), normed.data());
  add_layer_norm_scalar(c.shape, h.data(), d, weight.data(), b, sum2.data(), normed2.data());
  if (c.with_delta) expect_close(sum, sum2, 0, 0);
  // Absolute, of numbers around 1: the difference from the mean cancels.
  expect_close(normed, normed2, 1e-6, 4e-6);
}

void check_backward(const Case& c, const Numbers& sum, const Numbers& d_sum, const Numbers& weight,
                    const Numbers& d_normed) {
  const int64_t count = c.shape.rows * c.shape.width;
  Numbers d_h(c.shape.type, count, c.offset), d_h2(c.shape.type, count);
  const void* d = c.with_delta ? d_sum.data() : nullptr;
  add_layer_norm_backward(c.shape, sum.data(), weight.data(), d_normed.data(), d, d_h.data());
  add_layer_norm_backward_scalar(c.shape, sum.data(), weight.data(), d_normed.data(), d,
                                 d_h2.data());
  expect_close(d_h, d_h2, 1e-5, 1e-5);
}

// Rows around `mean`, spread by 2 to either side.
void check(const Case& c, float mean = 0) {
  SCOPED_TRACE(testing::Message() << c.shape.rows << "x" << c.shape.width << " type "
                                  << static_cast<int>(c.shape.type) << " weight "
                                  << static_cast<int>(c.shape.weight_type) << " delta "
                                  << c.with_delta << " bias " << c.with_bias << " offset "
                                  << c.offset << " mean " << mean);
  const int64_t count = c.shape.rows * c.shape.width;
  const Numbers a = Numbers(c.shape.type, count, c.offset).random(1, mean - 2, mean + 2);
  const Numbers b = Numbers(c.shape.type, count, c.offset).random(2);
  const Numbers weight = Numbers(c.shape.weight_type, c.shape.width, c.offset).random(3);
  const Numbers bias = Numbers(c.shape.weight_type, c.shape.width, c.offset).random(4);
  const Numbers g = Numbers(c.shape.type, count, c.offset).random(5);
  check_forward(c, a, b, weight, bias);
  check_backward(c, a, b, weight, g);
}

// eps is large enough that a row of width 1 or 2, of which the variance may be anything down to 0,
// does not magnify the last places.
TEST(LayerNorm, EveryWidthTypeAndMisalignmentAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (ScalarType weight_type : {type, ScalarType::f32}) {
        for (int64_t width = 1; width <= 66; ++width) {
          for (bool with_bias : {false, true}) {
            check({{3, width, 1e-2f, type, weight_type}, width % 2 == 0, with_bias, width % 4});
            check({{2, width, 1e-2f, type, weight_type}, width % 2 == 1, with_bias, width % 3});
          }
        }
        check({{3, 576, 1e-5f, type, weight_type}, true, true});
      }
    }
  });
}

TEST(LayerNorm, ManyRowsAreSharedByThreads) {
  for_each_isa([] {
    check({{257, 576, 1e-5f, ScalarType::bf16, ScalarType::bf16}, true, true});
    check({{131, 577, 1e-5f, ScalarType::f32, ScalarType::f32}, true, false, 1});
  });
}

// mean(s^2) - mean^2 would lose all digits here, and the mean's own rounding alone would be an
// error of 5e-4.
TEST(LayerNorm, AMeanFarFromZeroCostsNoPrecision) {
  for_each_isa([] {
    for (float mean : {1000.0f, -20000.0f}) {
      for (int64_t width : {15, 17, 576, 2048}) {
        check({{2, width, 1e-5f, ScalarType::f32, ScalarType::f32}, false, true}, mean);
        check({{2, width, 1e-5f, ScalarType::f32, ScalarType::f32}, true, false}, mean);
      }
    }
  });
}

TEST(LayerNorm, ARowOfOneNumberIsTheBias) {
  for_each_isa([] {
    for (float number : {0.0f, 3.0f, 12345.678f, -98765.43f}) {
      const NormShape shape{1, 37, 1e-5f, ScalarType::f32, ScalarType::f32};
      Numbers h = Numbers(ScalarType::f32, 37).random(1, number, number), normed(h);
      const Numbers weight = Numbers(h).random(2), bias = Numbers(h).random(3);
      add_layer_norm(shape, h.data(), nullptr, weight.data(), bias.data(), nullptr, normed.data());
      expect_close(normed, bias, 0, 1e-5);
    }
  });
}

TEST(LayerNorm, ExtremeRowsAgreeWithTheScalarCode) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for_each_isa([&] {
    for (ScalarType type : kAllTypes) {
      const NormShape shape{1, 37, 1e-6f, type, type};
      const Numbers delta = Numbers(type, 37).random(6);
      const Numbers weight = Numbers(type, 37).random(7), bias = Numbers(type, 37).random(8);
      for (float extreme : {0.0f, -0.0f, inf, -inf, nan, 1e-40f, 1e-7f, 6e4f}) {
        for (int64_t where : {0, 18, 36}) {
          Numbers h = Numbers(type, 37).random(5);
          h.set(where, extreme);
          check_forward({shape, true, true}, h, delta, weight, bias);
          check_forward({shape, false, false}, h, delta, weight, bias);
        }
      }
      const Numbers tiny = Numbers(type, 37).random(0, 0.0f, 1e-30f);
      check_forward({shape, false, true}, tiny, tiny, weight, bias);
    }
  });
}

TEST(LayerNorm, OutputsMayTakeThePlaceOfInputs) {
  const NormShape shape{2, 45, 1e-5f, ScalarType::bf16, ScalarType::bf16};
  const Numbers weight = Numbers(ScalarType::bf16, 45).random(3);
  const Numbers bias = Numbers(ScalarType::bf16, 45).random(4);
  for_each_isa([&] {
    Numbers h = Numbers(ScalarType::bf16, 90).random(1), delta = Numbers(h).random(2);
    Numbers sum(ScalarType::bf16, 90), normed(ScalarType::bf16, 90), alone(ScalarType::bf16, 90);
    const void *w = weight.data(), *b = bias.data();
    add_layer_norm(shape, h.data(), nullptr, w, b, nullptr, alone.data());
    Numbers in_place(h);
    add_layer_norm(shape, in_place.data(), nullptr, w, b, nullptr, in_place.data());
    expect_close(in_place, alone, 0, 0);
    add_layer_norm(shape, h.data(), delta.data(), w, b, sum.data(), normed.data());
    add_layer_norm(shape, h.data(), delta.data(), w, b, h.data(), delta.data());
    expect_close(h, sum, 0, 0);
    expect_close(delta, normed, 0, 0);
    Numbers d_normed = Numbers(h).random(5), d_sum = Numbers(h).random(6), d_h(h);
    Numbers d_normed2(d_normed);
    add_layer_norm_backward(shape, sum.data(), w, d_normed.data(), d_sum.data(), d_h.data());
    add_layer_norm_backward(shape, sum.data(), w, d_normed.data(), d_sum.data(), d_normed.data());
    expect_close(d_normed, d_h, 0, 0);
    add_layer_norm_backward(shape, sum.data(), w, d_normed2.data(), d_sum.data(), d_sum.data());
    expect_close(d_sum, d_h, 0, 0);
  });
}

TEST(LayerNorm, TheNormIsThatOfTheRoundedSum) {
  for_each_isa([&] {
    for (ScalarType type : kAllTypes) {
      const NormShape shape{3, 129, 1e-5f, type, type};
      const Numbers h = Numbers(type, 387).random(1), delta = Numbers(type, 387).random(2);
      const Numbers weight = Numbers(type, 129).random(3), bias = Numbers(type, 129).random(4);
      Numbers sum(type, 387), normed(type, 387), again(type, 387);
      add_layer_norm(shape, h.data(), delta.data(), weight.data(), bias.data(), sum.data(),
                     normed.data());
      add_layer_norm(shape, sum.data(), nullptr, weight.data(), bias.data(), nullptr, again.data());
      for (int64_t i = 0; i < 387; ++i) ASSERT_EQ(normed.get(i), again.get(i)) << i;
    }
  });
}

// The derivation, against finite differences of the forward pass.
TEST(LayerNorm, TheBackwardIsTheDerivativeOfTheForward) {
  const NormShape shape{1, 13, 1e-3f, ScalarType::f32, ScalarType::f32};
  const Numbers weight = Numbers(ScalarType::f32, 13).random(3);
  const Numbers bias = Numbers(ScalarType::f32, 13).random(2);
  const Numbers g = Numbers(ScalarType::f32, 13).random(4);
  Numbers h = Numbers(ScalarType::f32, 13).random(1, 1, 5), d_h(ScalarType::f32, 13);
  add_layer_norm_backward(shape, h.data(), weight.data(), g.data(), nullptr, d_h.data());
  auto loss = [&] {
    Numbers normed(ScalarType::f32, 13);
    add_layer_norm_scalar(shape, h.data(), nullptr, weight.data(), bias.data(), nullptr,
                          normed.data());
    double total = 0;
    for (int64_t i = 0; i < 13; ++i) total += double{g.get(i)} * normed.get(i);
    return total;
  };
  expect_slopes(d_h, h, loss);
}

}  // namespace
}  // namespace graft::kernels
