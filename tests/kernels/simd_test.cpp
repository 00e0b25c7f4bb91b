#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/kernels/each_isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/kernels/simd_test.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

void exp_of(const float* in, float* out, int64_t count) {
  const FloatTag d;
  for_vectors(hn::Lanes(d), 0, count, [=](int64_t i, auto lanes) HWY_ATTR {
    store(d, exp(d, load(d, in + i, lanes)), out + i, lanes);
  });
}

void sigmoid_of(const float* in, float* out, int64_t count) {
  const FloatTag d;
  for_vectors(hn::Lanes(d), 0, count, [=](int64_t i, auto lanes) HWY_ATTR {
    store(d, sigmoid(d, load(d, in + i, lanes)), out + i, lanes);
  });
}

void tanh_of(const float* in, float* out, int64_t count) {
  const FloatTag d;
  for_vectors(hn::Lanes(d), 0, count, [=](int64_t i, auto lanes) HWY_ATTR {
    store(d, tanh(d, load(d, in + i, lanes)), out + i, lanes);
  });
}

float sum_and_max(const float* in, int64_t count, float* largest) {
  const FloatTag d;
  auto sum = hn::Zero(d);
  auto high = hn::Set(d, -INFINITY);
  for_vectors(hn::Lanes(d), 0, count, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto v = load(d, in + i, lanes);
    sum = hn::Add(sum, v);
    high = hn::Max(high, keep(d, v, high, lanes));
  });
  *largest = max_of(d, high);
  return sum_of(d, sum);
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(exp_of);
HWY_EXPORT(sigmoid_of);
HWY_EXPORT(tanh_of);
HWY_EXPORT(sum_and_max);

namespace {

std::vector<float> exp_all(const std::vector<float>& x) {
  std::vector<float> y(x.size());
  GRAFT_DISPATCH(exp_of)(x.data(), y.data(), static_cast<int64_t>(x.size()));
  return y;
}

TEST(SimdExp, IsWithinItsErrorOverTheWholeRange) {
  std::vector<float> x;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 1013) {
    float value = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (std::abs(value) < 110) x.push_back(value);
  }
  for_each_isa([&] {
    const std::vector<float> y = exp_all(x);
    double worst = 0, worst_denormal = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = std::exp(double{x[i]});
      if (exact > std::numeric_limits<float>::max()) {
        ASSERT_TRUE(y[i] > 3.4e38f) << x[i];
      } else if (exact < 0x1p-126) {
        worst_denormal = std::max(worst_denormal, std::abs(y[i] - exact) / 0x1p-149);
      } else {
        worst = std::max(worst, std::abs(y[i] - exact) / exact);
      }
    }
    EXPECT_LT(worst, 1.2e-7);
    EXPECT_LE(worst_denormal, 1.0);
  });
}

TEST(SimdExp, HasTheLimitsOfExp) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for_each_isa([&] {
    const std::vector<float> y =
        exp_all({0.0f, -0.0f, INFINITY, -INFINITY, nan, 88.8f, 1e30f, -104.0f, -1e30f, 1e-40f});
    EXPECT_EQ(y[0], 1.0f);
    EXPECT_EQ(y[1], 1.0f);
    EXPECT_EQ(y[2], INFINITY);
    EXPECT_EQ(std::bit_cast<uint32_t>(y[3]), 0u);
    EXPECT_TRUE(std::isnan(y[4]));
    EXPECT_EQ(y[5], INFINITY);
    EXPECT_EQ(y[6], INFINITY);
    EXPECT_EQ(y[7], 0.0f);
    EXPECT_EQ(y[8], 0.0f);
    EXPECT_EQ(y[9], 1.0f);
  });
}

TEST(SimdSigmoid, IsWithinItsErrorAndHasItsLimits) {
  std::vector<float> x = {INFINITY, -INFINITY, -1e30f, 1e30f,
                          -87.5f,   -95.0f,    0.0f,   std::numeric_limits<float>::quiet_NaN()};
  for (int i = -87000; i < 95000; i += 7) x.push_back(static_cast<float>(i) * 1e-3f);
  for_each_isa([&] {
    std::vector<float> y(x.size());
    GRAFT_DISPATCH(sigmoid_of)(x.data(), y.data(), static_cast<int64_t>(x.size()));
    EXPECT_EQ(y[0], 1.0f);
    EXPECT_EQ(y[1], 0.0f);
    EXPECT_EQ(y[2], 0.0f);
    EXPECT_EQ(y[3], 1.0f);
    EXPECT_NEAR(y[4], 0.0f, 1.1e-38);
    EXPECT_NEAR(y[5], 0.0f, 1e-41);
    EXPECT_EQ(y[6], 0.5f);
    EXPECT_TRUE(std::isnan(y[7]));
    for (size_t i = 8; i < x.size(); ++i) {
      const double exact = 1 / (1 + std::exp(-double{x[i]}));
      ASSERT_LT(std::abs(y[i] - exact), 4e-7 * exact) << x[i];
    }
  });
}

// Of every size of float, both signs, and each float near the bound beyond which it is 1.
TEST(SimdTanh, IsWithinItsErrorAndNeverAboveOne) {
  std::vector<float> x;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 1013) {
    float value = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (!std::isnan(value)) x.push_back(value);
  }
  for (float value = 8.99f; value < 9.02f; value = std::nextafter(value, 10.0f)) x.push_back(value);
  for_each_isa([&] {
    std::vector<float> y(x.size());
    GRAFT_DISPATCH(tanh_of)(x.data(), y.data(), static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < x.size(); ++i) {
      const double exact = std::tanh(double{x[i]});
      ASSERT_LE(std::abs(y[i] - exact), 6e-7 * std::abs(exact)) << x[i];
      ASSERT_LE(std::abs(y[i]), 1.0f) << x[i];
    }
  });
}

TEST(SimdTanh, HasTheLimitsOfTanh) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x = {0.0f,   -0.0f,  INFINITY, -INFINITY, nan,
                                1e-40f, -1e-6f, 9.5f,     -1e30f};
  for_each_isa([&] {
    std::vector<float> y(x.size());
    GRAFT_DISPATCH(tanh_of)(x.data(), y.data(), static_cast<int64_t>(x.size()));
    EXPECT_EQ(y[0], 0.0f);
    EXPECT_FALSE(std::signbit(y[0]));
    EXPECT_EQ(y[1], 0.0f);
    EXPECT_TRUE(std::signbit(y[1]));
    EXPECT_NEAR(y[2], 1.0f, 6e-7);
    EXPECT_NEAR(y[3], -1.0f, 6e-7);
    EXPECT_TRUE(std::isnan(y[4]));
    EXPECT_EQ(y[5], 1e-40f);
    EXPECT_EQ(y[6], -1e-6f);
    EXPECT_NEAR(y[7], 1.0f, 6e-7);
    EXPECT_NEAR(y[8], -1.0f, 6e-7);
  });
}

TEST(SimdReductions, TakeEveryLaneOnce) {
  for_each_isa([&] {
    for (int64_t count = 1; count <= 70; ++count) {
      std::vector<float> x(static_cast<size_t>(count));
      for (int64_t i = 0; i < count; ++i) {
        x[static_cast<size_t>(i)] = static_cast<float>((i * 7) % count) - 100.0f;
      }
      float largest = 0, sum = 0;
      for (float value : x) sum += value;  // exact: small integers
      EXPECT_EQ(GRAFT_DISPATCH(sum_and_max)(x.data(), count, &largest), sum);
      EXPECT_EQ(largest, *std::max_element(x.begin(), x.end()));
    }
  });
}

}  // namespace
}  // namespace graft::kernels
#endif
