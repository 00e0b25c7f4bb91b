#include "graft/trunk/row_form.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "graft/base/error.h"
#include "tests/support/expect_error.h"

namespace graft::trunk {
namespace {

constexpr int kRows = 5, kWidth = 67;

class RowFormTest : public ::testing::TestWithParam<mx::Dtype> {
 protected:
  // Rows of very different sizes, one of zeros.
  mx::array rows() const {
    mx::random::seed(3);
    const mx::array sizes({1.0f, 1e-3f, 30.0f, 0.0f, 900.0f}, {kRows, 1});
    mx::array all =
        mx::astype(mx::multiply(mx::random::normal({kRows, kWidth}), sizes), GetParam());
    mx::eval(all);
    return all;
  }
  // Kept and restored.
  static mx::array through(const RowForm& form, mx::array from) {
    mx::eval(from);
    std::vector<std::byte> kept(kRows * form.row_bytes());
    form.keep(from.data<void>(), kRows, kept.data());
    mx::array to = mx::zeros(from.shape(), from.dtype());
    mx::eval(to);
    form.restore(kept.data(), kRows, to.data<void>());
    return to;
  }
};

TEST_P(RowFormTest, KeepsRowsAsTheyAre) {
  const RowForm form(kWidth, GetParam(), 0);
  EXPECT_TRUE(form.exact());
  const mx::array from = rows(), to = through(form, from);
  EXPECT_EQ(std::memcmp(from.data<void>(), to.data<void>(), from.nbytes()), 0);
  EXPECT_EQ(kRows * form.row_bytes(), from.nbytes());
}

// Each number to half a step of its row, and the rounding of its type.
TEST_P(RowFormTest, KeepsEightBitsOfEachNumber) {
  const RowForm form(kWidth, GetParam(), 8);
  EXPECT_FALSE(form.exact());
  EXPECT_EQ(form.row_bytes(), kWidth + 4u);
  const mx::array from = mx::astype(rows(), mx::float32);
  const mx::array to = mx::astype(through(form, rows()), mx::float32);
  const mx::array largest = mx::max(mx::abs(from), 1, true);
  const mx::array off = mx::max(mx::abs(mx::subtract(from, to)), 1, true);
  const mx::array most = mx::multiply(largest, mx::array(0.5f / 127 + 1.0f / 256));
  EXPECT_TRUE(mx::all(mx::less_equal(off, most)).item<bool>());
  // What it kept once it keeps again.
  const mx::array again = through(form, mx::astype(to, GetParam()));
  EXPECT_LT(mx::max(mx::abs(mx::subtract(mx::astype(again, mx::float32), to))).item<float>(),
            mx::max(largest).item<float>() / 127);
}

TEST_P(RowFormTest, WhatIsNotFiniteStaysSo) {
  const RowForm form(3, GetParam(), 8);
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    mx::array from = mx::astype(mx::array({1.0f, bad, 2.0f, 4.0f, 5.0f, 6.0f}, {2, 3}), GetParam());
    mx::eval(from);
    std::vector<std::byte> kept(2 * form.row_bytes());
    form.keep(from.data<void>(), 2, kept.data());
    mx::array to = mx::zeros({2, 3}, GetParam());
    mx::eval(to);
    form.restore(kept.data(), 2, to.data<void>());
    const mx::array finite = mx::isfinite(to);
    EXPECT_FALSE(mx::any(mx::slice(finite, {0, 0}, {1, 3})).item<bool>()) << bad;
    EXPECT_TRUE(mx::all(mx::slice(finite, {1, 0}, {2, 3})).item<bool>()) << bad;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, RowFormTest,
                         ::testing::Values(mx::float32, mx::float16, mx::bfloat16));

TEST(RowForm, HasNoOtherBits) {
  for (const int bits : {-1, 1, 4, 16}) {
    testing::expect_error<UsageError>([&] { RowForm(kWidth, mx::float32, bits); }, "`trunk_bits`");
  }
}

}  // namespace
}  // namespace graft::trunk
