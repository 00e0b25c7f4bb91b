#include "graft/io/finite.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include <cmath>
#include <limits>

#include "tests/support/expect_error.h"

namespace graft::io {
namespace {

TEST(AllFinite, SeesOneNumberOfMany) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const mx::Dtype type : {mx::float32, mx::bfloat16, mx::float16, mx::float64}) {
    std::vector<float> numbers((size_t{1} << 21) + 5, -1.5f);  // of more than one part
    const auto check = [&] {
      const mx::array values(numbers.begin(), {static_cast<int>(numbers.size())}, mx::float32);
      return all_finite(mx::astype(values, type, mx::Device::cpu));
    };
    numbers[7] = 60000;  // the largest exponent of f16
    numbers[8] = 0;
    EXPECT_TRUE(check());
    for (const float bad : {NAN, -NAN, kInfinity, -kInfinity}) {
      for (const size_t at : {size_t{0}, numbers.size() / 2, numbers.size() - 1}) {
        const float good = std::exchange(numbers[at], bad);
        EXPECT_FALSE(check()) << bad << " at " << at;
        numbers[at] = good;
      }
    }
  }
}

TEST(AllFinite, OfWhatHasNoNumbersOrNoFractions) {
  EXPECT_TRUE(all_finite(mx::zeros({0})));
  EXPECT_TRUE(all_finite(mx::full({4}, -1, mx::int32)));
}

TEST(AllFinite, InAnyOrderInMemory) {
  const mx::array values = mx::array({1.0f, NAN, 2.0f, 3.0f}, {2, 2});
  EXPECT_FALSE(all_finite(mx::transpose(values)));
  EXPECT_TRUE(all_finite(mx::slice(values, {1, 0}, {2, 2})));
  testing::expect_error([&] { check_finite(values, "x.weight"); }, "x.weight holds numbers that");
}

}  // namespace
}  // namespace graft::io
