#include "graft/kernels/norm_of.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graft/base/threads.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

double norm_of_numbers(const Numbers& x) {
  return norm_of(static_cast<const float*>(x.data()), x.count());
}

TEST(NormOf, EveryCountAgreesWithPlainLoops) {
  for_each_isa([] {
    for (int64_t count : {0, 1, 7, 16, 33, 100, 65536, 200003}) {
      const Numbers x = Numbers(ScalarType::f32, count, count % 3).random(1);
      double squares = 0;
      for (int64_t i = 0; i < count; ++i) squares += double{x.get(i)} * x.get(i);
      EXPECT_NEAR(norm_of_numbers(x), std::sqrt(squares), 1e-12 * std::sqrt(squares)) << count;
    }
  });
}

TEST(NormOf, LargeNumbersDoNotOverflowAndNoNumbersShow) {
  for_each_isa([] {
    Numbers x = Numbers(ScalarType::f32, 100).random(1);
    x.set(50, 3e38f);
    EXPECT_NEAR(norm_of_numbers(x), double{3e38f}, 1e30);
    for (float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
      for (int64_t at : {0, 17, 99}) {
        Numbers y = Numbers(ScalarType::f32, 100).random(1);
        y.set(at, bad);
        EXPECT_FALSE(std::isfinite(norm_of_numbers(y)));
      }
    }
  });
}

TEST(NormOf, AnyNumberOfThreadsGivesTheSame) {
  const Numbers x = Numbers(ScalarType::f32, 300000).random(1);
  const double one = [&] {
    const ThreadsScope threads(1);
    return norm_of_numbers(x);
  }();
  for (int count : {2, 3}) {
    const ThreadsScope threads(count);
    EXPECT_EQ(norm_of_numbers(x), one);
  }
}

}  // namespace
}  // namespace graft::kernels
