#include "graft/kernels/divergence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

constexpr ScalarType f32 = ScalarType::f32;

float* floats(Numbers& numbers) { return static_cast<float*>(numbers.data()); }
const float* floats(const Numbers& numbers) { return static_cast<const float*>(numbers.data()); }

TEST(Divergence, EveryWidthAgreesWithPlainLoops) {
  for_each_isa([] {
    for (int64_t count : {1, 7, 16, 67, 1000}) {
      const int64_t rows = 5;
      const Numbers q = Numbers(f32, rows * count, 1).random(1, -6, 6);
      const Numbers p = Numbers(f32, rows * count, 2).random(2, -6, 6);
      const Numbers weights = Numbers(f32, rows).random(3, 0, 2);
      Numbers out(f32, rows), gradient(f32, rows * count, 3);
      Numbers expected(f32, rows), expected_gradient(f32, rows * count);
      for (int64_t r = 0; r < rows; ++r) {
        const auto log_sum = [&](const Numbers& x) {
          double sum = 0;
          for (int64_t i = 0; i < count; ++i) sum += std::exp(double{x.get(r * count + i)});
          return std::log(sum);
        };
        const double of_q = log_sum(q), of_p = log_sum(p);
        double sum = 0;
        for (int64_t i = r * count; i < (r + 1) * count; ++i) {
          const double log_p = p.get(i) - of_p, log_q = q.get(i) - of_q;
          sum += std::exp(log_p) * (log_p - log_q);
          expected_gradient.set(
              i, static_cast<float>(weights.get(r) * (std::exp(log_q) - std::exp(log_p))));
        }
        expected.set(r, static_cast<float>(sum));
      }
      const DivergenceRows call{rows, count, floats(q), floats(p), floats(weights)};
      divergence(call, floats(out), floats(gradient));
      expect_close(out, expected, 1e-5, 1e-5);
      expect_close(gradient, expected_gradient, 1e-5, 1e-6);
      Numbers alone(f32, rows);
      divergence(call, floats(alone), nullptr);
      expect_close(alone, out, 0, 0);
    }
  });
}

TEST(Divergence, OfEqualDistributionsIsNothing) {
  for_each_isa([] {
    const Numbers p = Numbers(f32, 300).random(1, -9, 30);
    Numbers out(f32, 1), gradient(f32, 300);
    const float weight = 1;
    divergence({1, 300, floats(p), floats(p), &weight}, floats(out), floats(gradient));
    EXPECT_EQ(out.get(0), 0);
    for (int64_t i = 0; i < 300; ++i) EXPECT_EQ(gradient.get(i), 0);
  });
}

}  // namespace
}  // namespace graft::kernels
