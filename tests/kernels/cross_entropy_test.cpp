#include "graft/kernels/cross_entropy.h"

#include <gtest/gtest.h>

#include <limits>

#include "graft/kernels/scalar/cross_entropy.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

constexpr ScalarType f32 = ScalarType::f32;

float* floats(Numbers& numbers) { return static_cast<float*>(numbers.data()); }
const float* floats(const Numbers& numbers) { return static_cast<const float*>(numbers.data()); }

std::vector<int32_t> some_targets(const CrossEntropyShape& shape) {
  std::vector<int32_t> targets;
  for (int64_t row = 0; row < shape.rows; ++row) {
    targets.push_back(static_cast<int32_t>((row * 7919 + shape.vocab - 1) % shape.vocab));
  }
  return targets;
}

void check(const CrossEntropyShape& shape, const Numbers& logits, int64_t offset = 0) {
  SCOPED_TRACE(testing::Message() << shape.rows << "x" << shape.vocab << " type "
                                  << static_cast<int>(shape.gradient_type));
  const int64_t count = shape.rows * shape.vocab;
  const std::vector<int32_t> targets = some_targets(shape);
  const Numbers weights = Numbers(f32, shape.rows).random(2, 0.0f, 0.5f);
  Numbers losses(f32, shape.rows, offset), gradient(shape.gradient_type, count, offset);
  Numbers losses2(f32, shape.rows), gradient2(shape.gradient_type, count);
  cross_entropy(shape, floats(logits), targets.data(), floats(weights), floats(losses),
                gradient.data());
  cross_entropy_scalar(shape, floats(logits), targets.data(), floats(weights), floats(losses2),
                       gradient2.data());
  expect_close(losses, losses2, 2e-6, 2e-7);
  // p - 1 of a target may be the difference of two like numbers; the others are close in
  // proportion.
  Numbers others(gradient);
  for (int64_t row = 0; row < shape.rows; ++row) {
    const int64_t at = row * shape.vocab + targets[static_cast<size_t>(row)];
    EXPECT_NEAR(gradient.get(at), gradient2.get(at), 2e-7 + 0x1p-8 * std::abs(gradient2.get(at)));
    others.set(at, 0.0f);
    gradient2.set(at, 0.0f);
  }
  expect_close(others, gradient2, 5e-6, 1e-37);
  Numbers losses3(f32, shape.rows);
  cross_entropy(shape, floats(logits), targets.data(), floats(weights), floats(losses3), nullptr);
  expect_close(losses3, losses, 0, 0);
  if (shape.gradient_type == f32) {
    Numbers in_place(logits);
    cross_entropy(shape, floats(in_place), targets.data(), floats(weights), nullptr,
                  in_place.data());
    expect_close(in_place, gradient, 0, 0);
  }
}

TEST(CrossEntropy, EveryVocabularyTypeAndMisalignmentAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t vocab = 1; vocab <= 66; ++vocab) {
        const int64_t offset = vocab % 4;
        check({3, vocab, type}, Numbers(f32, 3 * vocab, offset).random(1, -9, 9), offset);
      }
    }
  });
}

TEST(CrossEntropy, BlocksAndThreadsAgreeWithTheScalarCode) {
  for_each_isa([] {
    for (int64_t vocab : {4095, 4096, 4097, 8193, 20001}) {
      for (int64_t rows : {1, 3, 40}) {
        check({rows, vocab, ScalarType::bf16}, Numbers(f32, rows * vocab).random(1, -30, 30));
      }
      check({2, vocab, f32}, Numbers(f32, 2 * vocab).random(1, -30, 30), 1);
    }
  });
}

TEST(CrossEntropy, ARowHasTheSameLossAloneAndAmongMany) {
  const int64_t vocab = 9001;
  const Numbers logits = Numbers(f32, 40 * vocab).random(1, -9, 9);
  const std::vector<int32_t> targets = some_targets({40, vocab, f32});
  const Numbers weights = Numbers(f32, 40).random(2);
  for_each_isa([&] {
    Numbers many(f32, 40), one(f32, 1);
    cross_entropy({40, vocab, f32}, floats(logits), targets.data(), floats(weights), floats(many),
                  nullptr);
    for (int64_t row = 0; row < 40; ++row) {
      cross_entropy({1, vocab, f32}, floats(logits) + row * vocab,
                    &targets[static_cast<size_t>(row)], floats(weights), floats(one), nullptr);
      ASSERT_EQ(one.get(0), many.get(row));
    }
  });
}

TEST(CrossEntropy, ExtremeLogitsHaveTheirLimits) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float weight = 2.0f;
  for_each_isa([&] {
    for (int64_t vocab : {5, 5000}) {
      for (int64_t at : {int64_t{0}, vocab - 1}) {
        const CrossEntropyShape shape{1, vocab, f32};
        const int32_t target = static_cast<int32_t>(at);
        Numbers logits(f32, vocab), gradient(f32, vocab);
        float loss = 0;
        auto run = [&](float others, float one) {
          for (int64_t i = 0; i < vocab; ++i) logits.set(i, i == at ? one : others);
          cross_entropy(shape, floats(logits), &target, &weight, &loss, gradient.data());
        };
        run(-inf, 3.0f);  // certain
        EXPECT_EQ(loss, 0.0f);
        EXPECT_EQ(gradient.get(at), 0.0f);
        run(-1e30f, 1e30f);
        EXPECT_EQ(loss, 0.0f);
        run(0.0f, -inf);  // impossible
        EXPECT_EQ(loss, inf);
        EXPECT_EQ(gradient.get(at), -weight);
        for (float same : {3e38f, -3e38f, -500.0f}) {
          run(same, same);
          EXPECT_NEAR(loss, std::log(static_cast<double>(vocab)), 1e-5);
        }
        for (auto [others, one] : {std::pair{0.0f, nan},
                                   {nan, 0.0f},
                                   {-inf, nan},
                                   {-inf, -inf},
                                   {0.0f, inf},
                                   {inf, inf}}) {
          run(others, one);
          EXPECT_TRUE(std::isnan(loss)) << others << " " << one;
          EXPECT_TRUE(std::isnan(gradient.get(at)));
        }
      }
    }
  });
}

}  // namespace
}  // namespace graft::kernels
