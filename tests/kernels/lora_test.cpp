#include "graft/kernels/lora.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/scalar/lora.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

float* floats(Numbers& x) { return static_cast<float*>(x.data()); }

struct Adapter {
  Adapter(const LoraShape& shape, int64_t offset)
      : x(Numbers(shape.type, shape.rows * shape.in, offset).random(1, -1, 1)),
        d_y(Numbers(shape.type, shape.rows * shape.out, offset).random(2, -1, 1)),
        y(Numbers(shape.type, shape.rows * shape.out, offset).random(3, -1, 1)),
        a(Numbers(ScalarType::f32, shape.in * shape.rank, offset).random(4, -1, 1)),
        b(Numbers(ScalarType::f32, shape.rank * shape.out, offset).random(5, -1, 1)),
        xa(ScalarType::f32, shape.rows * shape.rank, offset),
        d_a(ScalarType::f32, shape.in * shape.rank, offset),
        d_b(ScalarType::f32, shape.rank * shape.out, offset),
        d_xa(ScalarType::f32, shape.rows * shape.rank, offset),
        factors(Numbers(ScalarType::f32, shape.out, offset).random(6, 0.5, 2)),
        d_factors(ScalarType::f32, shape.out, offset) {}

  Numbers x, d_y, y, a, b;
  Numbers xa, d_a, d_b, d_xa, factors, d_factors;
};

constexpr float kScale = 1.75f;

void run(const LoraShape& shape, Adapter& t) {
  lora_down(shape, t.x.data(), floats(t.a), floats(t.xa));
  lora_up_add(shape, floats(t.xa), floats(t.b), kScale, t.y.data());
  lora_backward(shape, t.x.data(), floats(t.xa), floats(t.b), kScale, t.d_y.data(), floats(t.d_a),
                floats(t.d_b), floats(t.d_xa));
}

void run_scalar(const LoraShape& shape, Adapter& t) {
  lora_down_scalar(shape, t.x.data(), floats(t.a), floats(t.xa));
  lora_up_add_scalar(shape, floats(t.xa), floats(t.b), kScale, t.y.data());
  lora_backward_scalar(shape, t.x.data(), floats(t.xa), floats(t.b), kScale, t.d_y.data(),
                       floats(t.d_a), floats(t.d_b), floats(t.d_xa));
}

// With factors; the y before them is 0, that of the gradient another's.
template <class UpAdd, class Backward>
void run_factors(const LoraShape& shape, Adapter& t, UpAdd up_add, Backward backward) {
  lora_down_scalar(shape, t.x.data(), floats(t.a), floats(t.xa));
  const Numbers y = t.y;
  up_add(shape, floats(t.xa), floats(t.b), kScale, t.y.data(), floats(t.factors));
  backward(shape, t.x.data(), floats(t.xa), floats(t.b), kScale, t.d_y.data(), floats(t.d_a),
           floats(t.d_b), floats(t.d_xa),
           LoraFactors{floats(t.factors), y.data(), floats(t.d_factors)});
}

void check_factors(const LoraShape& shape, int64_t offset) {
  SCOPED_TRACE(testing::Message() << shape.rows << " rows, " << shape.in << " to " << shape.out
                                  << ", rank " << shape.rank << ", type "
                                  << static_cast<int>(shape.type));
  Adapter expected(shape, 0);
  run_factors(shape, expected, lora_up_add_scalar, lora_backward_scalar);
  const double terms = static_cast<double>(std::max({shape.rows, shape.in, shape.out}));
  const double bound = 2e-6 * (terms + 1) * static_cast<double>(shape.rank);
  for_each_isa([&] {
    Adapter t(shape, offset);
    run_factors(shape, t, lora_up_add, lora_backward);
    expect_close(t.y, expected.y, 1e-6, bound);
    expect_close(t.d_a, expected.d_a, 1e-6, bound);
    expect_close(t.d_b, expected.d_b, 1e-6, bound);
    expect_close(t.d_xa, expected.d_xa, 1e-6, bound);
    expect_close(t.d_factors, expected.d_factors, 1e-6, bound);
  });
}

TEST(Lora, FactorsAgreeWithTheScalarCode) {
  for (ScalarType type : kAllTypes) {
    for (int64_t width = 1; width <= 66; ++width) check_factors({5, 18, width, 3, type}, width % 3);
    check_factors({361, 40, 136, 8, type}, 1);
  }
}

TEST(Lora, AFactorOfZeroHasNoGradient) {
  const LoraShape shape{9, 11, 13, 3, ScalarType::f32};
  for_each_isa([&] {
    Adapter t(shape, 0);
    t.factors.set(4, 0);
    run_factors(shape, t, lora_up_add, lora_backward);
    EXPECT_EQ(t.d_factors.get(4), 0);
    EXPECT_NE(t.d_factors.get(5), 0);
  });
}

void check(const LoraShape& shape, int64_t offset) {
  SCOPED_TRACE(testing::Message() << shape.rows << " rows, " << shape.in << " to " << shape.out
                                  << ", rank " << shape.rank << ", type "
                                  << static_cast<int>(shape.type) << ", offset " << offset);
  Adapter expected(shape, 0);
  run_scalar(shape, expected);
  // Sums of at most `terms` products of numbers up to 1, then multiplied by up to `rank` others.
  const double terms = static_cast<double>(std::max({shape.rows, shape.in, shape.out}));
  const double once = 2e-7 * (terms + 1), twice = once * 4 * static_cast<double>(shape.rank);
  for_each_isa([&] {
    Adapter t(shape, offset);
    run(shape, t);
    expect_close(t.xa, expected.xa, 1e-6, once);
    expect_close(t.y, expected.y, 1e-6, twice);
    expect_close(t.d_a, expected.d_a, 1e-6, twice);
    expect_close(t.d_b, expected.d_b, 1e-6, twice);
    expect_close(t.d_xa, expected.d_xa, 1e-6, twice);
  });
}

TEST(Lora, EveryRankTypeAndMisalignmentAgreesWithTheScalarCode) {
  for (ScalarType type : kAllTypes) {
    for (int64_t rank : {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 32, 33, 64}) {
      check({7, 37, 22, rank, type}, rank % 4);
    }
  }
}

TEST(Lora, EveryWidthAgreesWithTheScalarCode) {
  for (ScalarType type : kAllTypes) {
    for (int64_t width = 1; width <= 66; ++width) check({5, width, 67 - width, 3, type}, width % 3);
  }
}

TEST(Lora, EveryNumberOfRowsAgreesWithTheScalarCode) {
  for (ScalarType type : kAllTypes) {
    for (int64_t rows = 0; rows <= 50; ++rows) check({rows, 18, 33, 8, type}, 0);
  }
}

TEST(Lora, ManyRowsAreSharedByThreads) {
  for (ScalarType type : kAllTypes) {
    check({361, 200, 136, 8, type}, 1);
    check({257, 64, 64, 64, type}, 0);
  }
}

// With loss = sum(y * d_y), the derivatives in a, b and x by central differences. The loss is
// bilinear in each, so that the differences are exact but for rounding.
TEST(Lora, GradientsAreThoseOfFiniteDifferences) {
  const LoraShape shape{9, 11, 13, 3, ScalarType::f32};
  for_each_isa([&] {
    Adapter t(shape, 0);
    const Numbers y = t.y;
    run(shape, t);
    // d_x = d_xa a^T.
    std::vector<float> transposed(static_cast<size_t>(shape.in * shape.rank));
    transpose(floats(t.a), shape.in, shape.rank, transposed.data());
    Numbers d_x(ScalarType::f32, shape.rows * shape.in, 0);
    for (int64_t n = 0; n < shape.rows; ++n) {
      for (int64_t i = 0; i < shape.in; ++i) {
        float sum = 0;
        for (int64_t r = 0; r < shape.rank; ++r) {
          sum += t.d_xa.get(n * shape.rank + r) * transposed[static_cast<size_t>(r * shape.in + i)];
        }
        d_x.set(n * shape.in + i, sum);
      }
    }
    const auto loss = [&] {
      Numbers out = y;
      lora_down(shape, t.x.data(), floats(t.a), floats(t.xa));
      lora_up_add(shape, floats(t.xa), floats(t.b), kScale, out.data());
      double sum = 0;
      for (int64_t i = 0; i < out.count(); ++i) sum += double{out.get(i)} * t.d_y.get(i);
      return sum;
    };
    const auto check_one = [&](Numbers& input, const Numbers& gradient) {
      for (int64_t i = 0; i < input.count(); ++i) {
        const float x = input.get(i);
        input.set(i, x + 0.5f);
        const double above = loss();
        input.set(i, x - 0.5f);
        const double below = loss();
        input.set(i, x);
        ASSERT_NEAR(gradient.get(i), above - below, 2e-4) << "at " << i;
      }
    };
    check_one(t.a, t.d_a);
    check_one(t.b, t.d_b);
    check_one(t.x, d_x);
  });
}

TEST(Lora, TwoRunsGiveTheSameBytes) {
  const LoraShape shape{360, 96, 64, 8, ScalarType::bf16};
  for_each_isa([&] {
    Adapter a(shape, 0), b(shape, 0);
    run(shape, a);
    run(shape, b);
    for (Numbers Adapter::*x :
         {&Adapter::xa, &Adapter::y, &Adapter::d_a, &Adapter::d_b, &Adapter::d_xa}) {
      EXPECT_EQ(std::memcmp((a.*x).data(), (b.*x).data(),
                            static_cast<size_t>((a.*x).count()) * size_of((a.*x).type())),
                0);
    }
  });
}

TEST(Lora, RefusesARankOfZero) {
  float x[4] = {};
  EXPECT_THROW(lora_down({1, 2, 2, 0}, x, x, x), Error);
  EXPECT_THROW(lora_up_add({1, 0, 2, 1}, x, x, 1, x), Error);
}

}  // namespace
}  // namespace graft::kernels
