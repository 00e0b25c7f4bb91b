#include "graft/kernels/rms_norm.h"

#include <gtest/gtest.h>

#include <limits>

#include "graft/kernels/scalar/rms_norm.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/finite_differences.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

struct Case {
  NormShape shape;
  bool with_delta;
  int64_t offset = 0;
};

void check_forward(const Case& c, const Numbers& h, const Numbers& delta, const Numbers& weight) {
  const int64_t count = c.shape.rows * c.shape.width;
  Numbers sum(c.shape.type, count, c.offset), normed(c.shape.type, count, c.offset);
  Numbers sum2(c.shape.type, count), normed2(c.shape.type, count);
  const void* d = c.with_delta ? delta.data() : nullptr;
  add_rms_norm(c.shape, h.data(), d, weight.data(), sum.data(), normed.data());
  add_rms_norm_scalar(c.shape, h.data(), d, weight.data(), sum2.data(), normed2.data());
  if (c.with_delta) expect_close(sum, sum2, 0, 0);
  expect_close(normed, normed2, 1e-6, 1e-30);
}

void check_backward(const Case& c, const Numbers& sum, const Numbers& d_sum, const Numbers& weight,
                    const Numbers& d_normed) {
  const int64_t count = c.shape.rows * c.shape.width;
  Numbers d_h(c.shape.type, count, c.offset), d_h2(c.shape.type, count);
  const void* d = c.with_delta ? d_sum.data() : nullptr;
  add_rms_norm_backward(c.shape, sum.data(), weight.data(), d_normed.data(), d, d_h.data());
  add_rms_norm_backward_scalar(c.shape, sum.data(), weight.data(), d_normed.data(), d, d_h2.data());
  expect_close(d_h, d_h2, 1e-5, 1e-5);
}

void check(const Case& c) {
  SCOPED_TRACE(testing::Message() << c.shape.rows << "x" << c.shape.width << " type "
                                  << static_cast<int>(c.shape.type) << " weight "
                                  << static_cast<int>(c.shape.weight_type) << " delta "
                                  << c.with_delta << " offset " << c.offset);
  const int64_t count = c.shape.rows * c.shape.width;
  const Numbers a = Numbers(c.shape.type, count, c.offset).random(1);
  const Numbers b = Numbers(c.shape.type, count, c.offset).random(2);
  const Numbers weight = Numbers(c.shape.weight_type, c.shape.width, c.offset).random(3);
  const Numbers g = Numbers(c.shape.type, count, c.offset).random(4);
  check_forward(c, a, b, weight);
  check_backward(c, a, b, weight, g);
}

TEST(RmsNorm, EveryWidthTypeAndMisalignmentAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (ScalarType weight_type : {type, ScalarType::f32}) {
        for (int64_t width = 1; width <= 66; ++width) {
          check({{3, width, 1e-5f, type, weight_type}, width % 2 == 0, width % 4});
          check({{2, width, 1e-5f, type, weight_type}, width % 2 == 1, width % 3});
        }
      }
    }
  });
}

TEST(RmsNorm, ManyRowsAreSharedByThreads) {
  for_each_isa([] {
    check({{257, 576, 1e-5f, ScalarType::bf16, ScalarType::bf16}, true});
    check({{131, 577, 1e-5f, ScalarType::f32, ScalarType::f32}, true, 1});
  });
}

TEST(RmsNorm, ExtremeRowsAgreeWithTheScalarCode) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for_each_isa([&] {
    for (ScalarType type : kAllTypes) {
      for (float extreme : {0.0f, -0.0f, inf, -inf, nan, 1e-40f, 1e-7f, 6e4f}) {
        for (int64_t where : {0, 18, 36}) {
          const NormShape shape{1, 37, 1e-6f, type, type};
          Numbers h = Numbers(type, 37).random(5);
          h.set(where, extreme);
          const Numbers delta = Numbers(type, 37).random(6);
          const Numbers weight = Numbers(type, 37).random(7);
          check_forward({shape, true}, h, delta, weight);
          check_forward({shape, false}, h, delta, weight);
        }
      }
      const NormShape shape{1, 37, 1e-6f, type, type};
      Numbers zeros = Numbers(type, 37).random(0, 0.0f, 1e-30f);
      check_forward({shape, false}, zeros, zeros, Numbers(type, 37).random(7));
    }
  });
}

TEST(RmsNorm, OutputsMayTakeThePlaceOfInputs) {
  const NormShape shape{2, 45, 1e-5f, ScalarType::bf16, ScalarType::bf16};
  const Numbers weight = Numbers(ScalarType::bf16, 45).random(3);
  for_each_isa([&] {
    Numbers h = Numbers(ScalarType::bf16, 90).random(1), delta = Numbers(h).random(2);
    Numbers sum(ScalarType::bf16, 90), normed(ScalarType::bf16, 90);
    add_rms_norm(shape, h.data(), delta.data(), weight.data(), sum.data(), normed.data());
    add_rms_norm(shape, h.data(), delta.data(), weight.data(), h.data(), delta.data());
    expect_close(h, sum, 0, 0);
    expect_close(delta, normed, 0, 0);
  });
}

TEST(RmsNorm, TheNormIsThatOfTheRoundedSum) {
  for_each_isa([&] {
    for (ScalarType type : kAllTypes) {
      const NormShape shape{3, 129, 1e-5f, type, type};
      const Numbers h = Numbers(type, 387).random(1), delta = Numbers(type, 387).random(2);
      const Numbers weight = Numbers(type, 129).random(3);
      Numbers sum(type, 387), normed(type, 387), again(type, 387);
      add_rms_norm(shape, h.data(), delta.data(), weight.data(), sum.data(), normed.data());
      add_rms_norm(shape, sum.data(), nullptr, weight.data(), nullptr, again.data());
      for (int64_t i = 0; i < 387; ++i) ASSERT_EQ(normed.get(i), again.get(i)) << i;
    }
  });
}

// The derivation, against finite differences of the forward pass.
TEST(RmsNorm, TheBackwardIsTheDerivativeOfTheForward) {
  const NormShape shape{1, 13, 1e-3f, ScalarType::f32, ScalarType::f32};
  const Numbers weight = Numbers(ScalarType::f32, 13).random(3);
  const Numbers g = Numbers(ScalarType::f32, 13).random(4);
  Numbers h = Numbers(ScalarType::f32, 13).random(1), d_h(ScalarType::f32, 13);
  add_rms_norm_backward(shape, h.data(), weight.data(), g.data(), nullptr, d_h.data());
  auto loss = [&] {
    Numbers normed(ScalarType::f32, 13);
    add_rms_norm_scalar(shape, h.data(), nullptr, weight.data(), nullptr, normed.data());
    double total = 0;
    for (int64_t i = 0; i < 13; ++i) total += double{g.get(i)} * normed.get(i);
    return total;
  };
  expect_slopes(d_h, h, loss);
}

}  // namespace
}  // namespace graft::kernels
