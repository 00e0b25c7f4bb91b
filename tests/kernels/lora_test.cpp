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
        d_x(Numbers(ScalarType::f32, shape.rows * shape.in, offset).random(6, -1, 1)) {}

  Numbers x, d_y, y, a, b;
  Numbers xa, d_a, d_b, d_x;
};

constexpr float kScale = 1.75f;

void run(const LoraShape& shape, Adapter& t, bool with_d_x = true) {
  lora_down(shape, t.x.data(), floats(t.a), floats(t.xa));
  lora_up_add(shape, floats(t.xa), floats(t.b), kScale, t.y.data());
  lora_backward(shape, t.x.data(), floats(t.xa), floats(t.a), floats(t.b), kScale, t.d_y.data(),
                floats(t.d_a), floats(t.d_b), with_d_x ? floats(t.d_x) : nullptr);
}

void run_scalar(const LoraShape& shape, Adapter& t) {
  lora_down_scalar(shape, t.x.data(), floats(t.a), floats(t.xa));
  lora_up_add_scalar(shape, floats(t.xa), floats(t.b), kScale, t.y.data());
  lora_backward_scalar(shape, t.x.data(), floats(t.xa), floats(t.a), floats(t.b), kScale,
                       t.d_y.data(), floats(t.d_a), floats(t.d_b), floats(t.d_x));
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
    expect_close(t.d_x, expected.d_x, 1e-6, twice);
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

TEST(Lora, GradientOfTheInputIsOptional) {
  const LoraShape shape{20, 30, 40, 8, ScalarType::bf16};
  for_each_isa([&] {
    Adapter with(shape, 0), without(shape, 0);
    run(shape, with);
    const Numbers before = without.d_x;
    run(shape, without, false);
    for (int64_t i = 0; i < before.count(); ++i) ASSERT_EQ(without.d_x.get(i), before.get(i));
    for (int64_t i = 0; i < with.d_a.count(); ++i) ASSERT_EQ(with.d_a.get(i), without.d_a.get(i));
    for (int64_t i = 0; i < with.d_b.count(); ++i) ASSERT_EQ(with.d_b.get(i), without.d_b.get(i));
  });
}

// With loss = sum(y * d_y), the derivatives in a, b and x by central differences. The loss is
// bilinear in each, so that the differences are exact but for rounding.
TEST(Lora, GradientsAreThoseOfFiniteDifferences) {
  const LoraShape shape{9, 11, 13, 3, ScalarType::f32};
  for_each_isa([&] {
    Adapter t(shape, 0);
    const Numbers y = t.y, d_x = t.d_x;
    run(shape, t);
    const auto loss = [&] {
      Numbers out = y;
      lora_down(shape, t.x.data(), floats(t.a), floats(t.xa));
      lora_up_add(shape, floats(t.xa), floats(t.b), kScale, out.data());
      double sum = 0;
      for (int64_t i = 0; i < out.count(); ++i) sum += double{out.get(i)} * t.d_y.get(i);
      return sum;
    };
    const auto check_one = [&](Numbers& input, const Numbers& gradient, const Numbers* before) {
      for (int64_t i = 0; i < input.count(); ++i) {
        const float x = input.get(i);
        input.set(i, x + 0.5f);
        const double above = loss();
        input.set(i, x - 0.5f);
        const double below = loss();
        input.set(i, x);
        const double added = before == nullptr ? 0 : before->get(i);
        ASSERT_NEAR(gradient.get(i) - added, above - below, 2e-4) << "at " << i;
      }
    };
    check_one(t.a, t.d_a, nullptr);
    check_one(t.b, t.d_b, nullptr);
    check_one(t.x, t.d_x, &d_x);
  });
}

TEST(Lora, TwoRunsGiveTheSameBytes) {
  const LoraShape shape{360, 96, 64, 8, ScalarType::bf16};
  for_each_isa([&] {
    Adapter a(shape, 0), b(shape, 0);
    run(shape, a);
    run(shape, b);
    for (Numbers Adapter::*x :
         {&Adapter::xa, &Adapter::y, &Adapter::d_a, &Adapter::d_b, &Adapter::d_x}) {
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
