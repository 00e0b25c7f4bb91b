#include "graft/calibration/cholesky.h"

#include <gtest/gtest.h>
#include <mlx/linalg.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <cmath>
#include <vector>

#include "tests/support/distance.h"

namespace graft::calibration {
namespace {

// In f64, which MLX has on the CPU.
mx::array wide(const mx::array& a) { return mx::astype(a, mx::float64, mx::Device::cpu); }

mx::array wide_product(const mx::array& a, const mx::array& b) {
  return mx::matmul(a, b, mx::Device::cpu);
}

double norm(const mx::array& a) {
  mx::array sum =
      mx::sqrt(mx::sum(mx::square(wide(a), mx::Device::cpu), mx::Device::cpu), mx::Device::cpu);
  return sum.item<double>();
}

// |found - wanted| / |wanted|, Frobenius.
double relative(const mx::array& found, const mx::array& wanted) {
  return norm(mx::subtract(wide(found), wide(wanted), mx::Device::cpu)) / norm(wanted);
}

// Symmetric, with eigenvalues from 1 down to 1 / condition, evenly in their logarithms.
mx::array with_condition(int n, double condition) {
  const mx::array q = mx::linalg::qr(mx::random::normal({n, n}), mx::Device::cpu).first;
  const mx::array share =
      mx::divide(mx::arange(n), mx::array(static_cast<float>(n > 1 ? n - 1 : 1)));
  const mx::array values =
      mx::exp(mx::multiply(share, mx::array(static_cast<float>(-std::log(condition)))));
  const mx::array made = wide_product(mx::multiply(wide(q), wide(values), mx::Device::cpu),
                                      mx::transpose(wide(q), mx::Device::cpu));
  const mx::array whole = mx::astype(made, mx::float32, mx::Device::cpu);
  return mx::multiply(mx::add(whole, mx::transpose(whole)), mx::array(0.5f));
}

class Cholesky : public ::testing::Test {
 protected:
  Cholesky() { mx::random::seed(9); }
};

TEST_F(Cholesky, GivesTheMatrixBack) {
  for (const int n : {1, 7, 127, 128, 129, 300, 600}) {
    for (const double condition : {1e1, 1e4, 1e6}) {
      const mx::array matrix = with_condition(n, condition);
      const std::optional<mx::array> lower = cholesky(matrix);
      ASSERT_TRUE(lower) << n << " " << condition;
      EXPECT_EQ(norm(mx::subtract(*lower, mx::tril(*lower))), 0);
      const mx::array again = wide_product(wide(*lower), mx::transpose(wide(*lower)));
      EXPECT_LT(relative(again, matrix), 1e-6) << n << " " << condition;
    }
  }
}

TEST_F(Cholesky, AgreesWithLapack) {
  for (const int n : {96, 400}) {
    const mx::array matrix = with_condition(n, 1e3);
    const mx::array expected = mx::linalg::cholesky(wide(matrix), false, mx::Device::cpu);
    EXPECT_LT(relative(*cholesky(matrix), expected), 1e-5) << n;
    const mx::array inverse = mx::linalg::tri_inv(expected, false, mx::Device::cpu);
    EXPECT_LT(relative(triangular_inverse(*cholesky(matrix)), inverse), 2e-4) << n;
  }
}

TEST_F(Cholesky, InvertsTriangles) {
  for (const int n : {1, 64, 128, 129, 500}) {
    const mx::array lower = *cholesky(with_condition(n, 1e6));
    const mx::array inverse = triangular_inverse(lower);
    EXPECT_EQ(norm(mx::subtract(inverse, mx::tril(inverse))), 0);
    EXPECT_LT(relative(wide_product(wide(inverse), wide(lower)), mx::eye(n)), 1e-4) << n;
  }
}

// As GPTQ asks for it, of the inverse of a matrix whose smallest eigenvalue is a millionth of the
// largest: no worse than with LAPACK's f32, which goes through the inverse.
TEST_F(Cholesky, TheFactorOfAnInverseIsAsGoodAsLapacks) {
  const int n = 320;
  for (const double condition : {1e2, 1e4, 1e6}) {
    const mx::array h = with_condition(n, condition);
    const auto residual = [&](const mx::array& u) {
      return relative(wide_product(wide(u), wide_product(wide(h), mx::transpose(wide(u)))),
                      mx::eye(n));
    };
    const mx::array inverse = mx::linalg::cholesky_inv(
        mx::linalg::cholesky(h, false, mx::Device::cpu), false, mx::Device::cpu);
    const mx::array lapack = mx::linalg::cholesky(inverse, true, mx::Device::cpu);
    EXPECT_LT(residual(*inverse_factor(h)), 1.1 * residual(lapack)) << condition;
    EXPECT_LT(residual(*inverse_factor(h)), 3e-8 * condition + 1e-5) << condition;
  }
}

TEST_F(Cholesky, FindsNoneWhereThereIsNone) {
  const mx::array good = with_condition(200, 10);
  EXPECT_TRUE(cholesky(good));
  EXPECT_FALSE(cholesky(mx::negative(good)));
  EXPECT_FALSE(cholesky(mx::zeros({200, 200})));
  EXPECT_FALSE(cholesky(mx::full({200, 200}, NAN)));
  EXPECT_FALSE(cholesky(mx::full({200, 200}, INFINITY)));
  // One negative eigenvalue, seen in the last block alone.
  const mx::array last = mx::astype(mx::equal(mx::arange(200), mx::array(199)), mx::float32);
  EXPECT_FALSE(cholesky(mx::subtract(good, mx::diag(mx::multiply(last, mx::array(5.0f))))));
}

}  // namespace
}  // namespace graft::calibration
