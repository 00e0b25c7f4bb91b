// Linear layers: our kernels against the portable form.

#include <gtest/gtest.h>

#include <vector>

#include "graft/ops/backend.h"
#include "graft/ops/linear.h"
#include "tests/ops/of_each_type.h"

namespace graft::ops {
namespace {

class Linear : public OfEachType {};

TEST_P(Linear, LinearOfEveryNumberOfRows) {
  mx::array w = random({96, 64}, 0.1f);
  for (int rows : {1, 2, 3, 4, 5, 6, 31, 32, 33, 100}) {
    SCOPED_TRACE(rows);
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          return linear(in[0], {{Weight{w, {}, {}, 0, 0}, {}, {}}});
        },
        {random({rows, 64})}, dtype(), tolerance());
  }
}

// Only in passes without gradient, only where it is asked for, and never of few rows.
TEST_P(Linear, ActivationsInEightBits) {
  const Weight w = quantized(random_array({32, 64}, mx::float32, 0.1f), 32, 4, mx::float32);
  const auto product = [&](int rows) {
    mx::random::seed(3);
    mx::array y = linear(random({rows, 64}), {{w, {}, {}}})[0];
    y = mx::astype(y, mx::float32);
    mx::eval(y);
    return std::vector<float>(y.data<float>(), y.data<float>() + y.size());
  };
  const std::vector<float> exact = product(40), few = product(2);
  const auto same = [&] { return product(40) == exact; };
  {
    const WithoutGradient pass;
    EXPECT_TRUE(same());
  }
  const ActivationsScope int8(Activations::int8);
  {
    const WithoutGradient pass;
    EXPECT_EQ(same(), !has_int8_products());
    EXPECT_EQ(product(2), few);
    const std::vector<float> rounded = product(40);
    for (size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(rounded[i], exact[i], 0.05f) << i;
    const ActivationsScope inner(Activations::exact);
    EXPECT_TRUE(same());
  }
  EXPECT_TRUE(same());
  const RunAtOnce at_once;
  EXPECT_EQ(same(), !has_int8_products());
}

TEST_P(Linear, LinearWithBias) {
  mx::array w = random({40, 72}, 0.1f), bias = random({40});
  for (int rows : {1, 3, 20}) {
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          return linear(in[0], {{Weight{w, {}, {}, 0, 0}, bias, {}}});
        },
        {random({rows, 72})}, dtype(), tolerance());
  }
}

TEST_P(Linear, LinearGroupWithLora) {
  mx::array wq = random({96, 64}, 0.1f), wk = random({32, 64}, 0.1f), wv = random({32, 64}, 0.1f);
  for (int rows : {1, 4, 7, 70}) {
    SCOPED_TRACE(rows);
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          LoraUpdate q{in[1], in[2], 2.0f, {}}, v{in[3], in[4], 0.5f, {}};
          return linear(in[0], {{Weight{wq, {}, {}, 0, 0}, {}, q},
                                {Weight{wk, {}, {}, 0, 0}, {}, {}},
                                {Weight{wv, {}, {}, 0, 0}, {}, v}});
        },
        {random({rows, 64}), random_array({64, 8}, mx::float32, 0.2f),
         random_array({8, 96}, mx::float32, 0.2f), random_array({64, 5}, mx::float32, 0.2f),
         random_array({5, 32}, mx::float32, 0.2f)},
        dtype(), tolerance());
  }
}

// DoRA: a factor for each column of y, beside a projection without.
TEST_P(Linear, LinearGroupWithFactors) {
  const mx::array wq = random({96, 64}, 0.1f), wk = random({32, 64}, 0.1f), bias = random({96});
  const Weight quarter = quantized(random_array({32, 64}, mx::float32, 0.1f), 32, 4, mx::float32);
  for (int rows : {1, 4, 7, 70}) {
    SCOPED_TRACE(rows);
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          LoraUpdate q{in[1], in[2], 2.0f, {}, in[3]}, v{in[4], in[5], 0.5f, {}, in[6]};
          return linear(in[0], {{Weight{wq, {}, {}, 0, 0}, bias, q},
                                {Weight{wk, {}, {}, 0, 0}, {}, {}},
                                {quarter, {}, v}});
        },
        {random({rows, 64}), random_array({64, 8}, mx::float32, 0.2f),
         random_array({8, 96}, mx::float32, 0.2f), random_array({96}, mx::float32),
         random_array({64, 5}, mx::float32, 0.2f), random_array({5, 32}, mx::float32, 0.2f),
         random_array({32}, mx::float32)},
        dtype(), tolerance());
  }
}

TEST_P(Linear, FactorsOfOneChangeNothing) {
  const Weight w = quantized(random_array({96, 64}, mx::float32, 0.1f), 32, 4, mx::float32);
  const mx::array a = random_array({64, 8}, mx::float32), b = random_array({8, 96}, mx::float32);
  for (int rows : {1, 4, 7, 70, 1000}) {
    SCOPED_TRACE(rows);
    const mx::array x = random({rows, 64});
    const mx::array with = linear(x, {{w, {}, LoraUpdate{a, b, 1, {}, mx::ones({96})}}})[0];
    const mx::array without = linear(x, {{w, {}, LoraUpdate{a, b, 1, {}}}})[0];
    EXPECT_TRUE(mx::array_equal(with, without).item<bool>());
  }
}

TEST_P(Linear, LoraWithAnInputOfItsOwn) {
  mx::array w = random({48, 64}, 0.1f);
  expect_parity(
      [&](const std::vector<mx::array>& in) {
        return linear(in[0],
                      {{Weight{w, {}, {}, 0, 0}, {}, LoraUpdate{in[2], in[3], 2.0f, in[1]}}});
      },
      {random({9, 64}), random({9, 64}), random_array({64, 4}, mx::float32, 0.2f),
       random_array({4, 48}, mx::float32, 0.2f)},
      dtype(), tolerance());
}

TEST_P(Linear, QuantizedLinearOfEveryFormat) {
  mx::array dense = random_array({80, 256}, mx::float32, 0.1f);
  for (int bits : {2, 3, 4, 5, 6, 8}) {
    for (int group : {32, 64, 128}) {
      for (mx::Dtype scales : {mx::float32, mx::float16, mx::bfloat16}) {
        Weight w = quantized(dense, group, bits, scales);
        for (int rows : {1, 5, 40}) {
          SCOPED_TRACE(::testing::Message()
                       << bits << " bits, group " << group << ", " << rows << " rows");
          expect_parity(
              [&](const std::vector<mx::array>& in) {
                return linear(in[0], {{w, {}, {}}});
              },
              {random({rows, 256})}, dtype(), tolerance());
        }
      }
    }
  }
}

TEST_P(Linear, LinearOfNumbersOfFewBits) {
  const mx::array dense = random_array({80, 256}, mx::float32, 0.1f);
  for (QuantizationMode mode :
       {QuantizationMode::mxfp4, QuantizationMode::mxfp8, QuantizationMode::nvfp4}) {
    const Weight w = quantized_as(dense, mode, default_bits(mode), default_group_size(mode));
    EXPECT_EQ(w.in(), 256);
    for (int rows : {1, 5, 40}) {
      SCOPED_TRACE(::testing::Message() << name_of(mode) << ", " << rows << " rows");
      expect_parity(
          [&](const std::vector<mx::array>& in) {
            return linear(in[0], {{w, {}, {}}});
          },
          {random({rows, 256})}, dtype(), tolerance());
    }
  }
}

// Weights of another type than the activations are widened panel by panel; 700 rows of 1100 columns
// are several panels.
TEST_P(Linear, LinearOverSeveralPanels) {
  Weight w = quantized(random_array({700, 1152}, mx::float32, 0.05f), 64, 4, mx::float16);
  mx::array dense = random_array({700, 1152}, mx::float16, 0.05f);
  for (const Weight& weight : {w, Weight{dense, {}, {}, 0, 0}}) {
    expect_parity(
        [&](const std::vector<mx::array>& in) {
          return linear(in[0], {{weight, {}, {}}});
        },
        {random({37, 1152})}, dtype(), tolerance());
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Linear, kEachType, name_of_type);

}  // namespace
}  // namespace graft::ops
