#include "graft/calibration/rounding.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "graft/calibration/descent.h"
#include "graft/calibration/gptq.h"
#include "graft/calibration/quantized_matrix.h"
#include "graft/calibration/scale_search.h"
#include "graft/calibration/second_moments.h"
#include "graft/kernels/small_floats.h"
#include "tests/support/arrays.h"
#include "tests/support/distance.h"

namespace graft::calibration {
namespace {

using testing::same_bits;

// Inputs with a few strong directions, as real ones have.
mx::array inputs(int rows, int in) {
  const mx::array strong = mx::multiply(mx::random::normal({rows, 6}), mx::array(3.0f));
  return mx::add(mx::matmul(strong, mx::random::normal({6, in})), mx::random::normal({rows, in}));
}

mx::array moments_of(const mx::array& x) {
  SecondMoments moments(x.shape(1));
  moments.add(x);
  return moments.mean();
}

// The squares of the outputs' errors, over rows of x.
double output_error(const mx::array& target, const ops::Weight& weight, const mx::array& x) {
  const mx::array change = mx::subtract(target, ops::dequantized(weight, mx::float32));
  mx::array sum = mx::sum(mx::square(mx::matmul(x, mx::transpose(change))));
  return static_cast<double>(sum.item<float>()) / x.shape(0);
}

ops::Weight nearest(const mx::array& target, int bits, int group = 32) {
  return ops::quantized_as(target, QuantizationMode::affine, bits, group);
}

constexpr QuantizationMode kFloatModes[] = {QuantizationMode::mxfp4, QuantizationMode::mxfp8,
                                            QuantizationMode::nvfp4};

ops::Weight in_mode(const mx::array& target, QuantizationMode mode) {
  return ops::quantized_as(target, mode, default_bits(mode), default_group_size(mode));
}

RoundingOptions options(QuantizationMode mode) {
  return {.setting = io::LayerQuantization::default_of(mode), .dtype = mx::bfloat16};
}

RoundingOptions options(int bits, int group = 32) {
  return {.setting = {group, bits}, .dtype = mx::float32};
}

class Rounding : public ::testing::Test {
 protected:
  Rounding() { mx::random::seed(4); }
};

TEST_F(Rounding, MatricesOfEveryFormComeBackAsTheyWere) {
  for (int bits : {2, 3, 4, 5, 6, 8}) {
    for (mx::Dtype dtype : {mx::float32, mx::bfloat16, mx::float16}) {
      const ops::Weight weight = ops::quantized_as(mx::astype(mx::random::normal({7, 128}), dtype),
                                                   QuantizationMode::affine, bits, 64);
      const QuantizedMatrix matrix = QuantizedMatrix::of(weight);
      const ops::Weight again = matrix.packed();
      EXPECT_TRUE(same_bits(again.weight, weight.weight)) << bits;
      EXPECT_TRUE(same_bits(*again.scales, *weight.scales)) << bits;
      EXPECT_TRUE(same_bits(*again.biases, *weight.biases)) << bits;
      EXPECT_LT(testing::distance(matrix.dense(), ops::dequantized(weight, mx::float32)), 1e-6);
    }
  }
}

TEST_F(Rounding, MomentsAreTheMeanOverAllRows) {
  const mx::array x = inputs(50, 40);
  SecondMoments moments(40);
  moments.add(mx::slice(x, {0, 0}, {20, 40}));
  moments.add(mx::slice(x, {20, 0}, {50, 40}));
  EXPECT_EQ(moments.rows(), 50);
  const mx::array expected = mx::divide(mx::matmul(mx::transpose(x), x), mx::array(50.0f));
  EXPECT_LT(testing::distance(moments.mean(), expected), 1e-5);
  const mx::array change = mx::random::normal({3, 40});
  const mx::array errors = mx::mean(mx::square(mx::matmul(x, mx::transpose(change))), 0);
  EXPECT_LT(testing::distance(output_errors(change, expected), errors), 1e-5);
}

// The numbers, whatever sign a zero had.
TEST_F(Rounding, MatricesOfFloatingPointNumbersComeBackAsTheyWere) {
  for (const QuantizationMode mode : kFloatModes) {
    const mx::array sizes = mx::exp(mx::multiply(mx::arange(-20, 21, 2), mx::array(0.5f)));
    const mx::array dense = mx::multiply(mx::random::normal({20, 128}),
                                         mx::reshape(mx::slice(sizes, {0}, {20}), {20, 1}));
    const ops::Weight weight = in_mode(dense, mode);
    const QuantizedMatrix matrix = QuantizedMatrix::of(weight);
    const mx::array expected = ops::dequantized(weight, mx::float32);
    EXPECT_TRUE(mx::array_equal(matrix.dense(), expected).item<bool>()) << name_of(mode);
    const ops::Weight again = matrix.packed();
    EXPECT_TRUE(mx::array_equal(ops::dequantized(again, mx::float32), expected).item<bool>());
    EXPECT_TRUE(same_bits(*again.scales, *weight.scales)) << name_of(mode);
    EXPECT_EQ(again.mode, mode);
    for (const float scale : matrix.scales) {
      EXPECT_EQ(scale > 0 ? matrix.as_scale(scale) : 0, scale);
    }
  }
}

// Against the numbers of the formats, as kernels have them.
TEST_F(Rounding, LevelsAndScalesAreTheNumbersOfTheFormats) {
  for (const QuantizationMode mode : kFloatModes) {
    const int bits = default_bits(mode);
    const Levels& levels = Levels::of(mode, bits);
    EXPECT_EQ(levels.size(), bits == 4 ? 15u : 253u);
    for (int i = 0; i < 1 << bits; ++i) {
      const auto stored = static_cast<uint8_t>(i);
      const float value = bits == 4 ? kernels::kE2m1[i] : kernels::e4m3_value(stored);
      if (!std::isfinite(value)) continue;
      const uint8_t level = levels.stored_as(stored);
      EXPECT_EQ(levels[level], value) << name_of(mode) << " " << i;
      EXPECT_EQ(levels.nearest(value), level);
      EXPECT_EQ(levels.stored_as(levels.bits_of(level)), level);
    }
    for (size_t i = 1; i < levels.size(); ++i) EXPECT_LT(levels[i - 1], levels[i]);
    const std::vector<float> scales = numbers_of_scales(mode);
    const bool e4m3 = mode == QuantizationMode::nvfp4;
    for (int i = 1; i < (e4m3 ? 127 : 255); ++i) {
      const auto byte = static_cast<uint8_t>(i);
      EXPECT_EQ(scales[byte], e4m3 ? kernels::e4m3_value(byte) : kernels::e8m0_value(byte)) << i;
    }
  }
}

// Where columns do not depend on each other there is nothing to make good.
TEST_F(Rounding, ByColumnsIsTheNearestWhereInputsAreIndependent) {
  const mx::array target = mx::random::normal({33, 160});
  const mx::array sizes = mx::add(mx::random::uniform({160}), mx::array(0.5f));
  QuantizedMatrix grid = QuantizedMatrix::of(nearest(target, 4));
  const std::vector<uint8_t> expected = grid.codes;
  grid.codes.assign(grid.codes.size(), 0);
  round_by_columns(target, *ColumnOrder::of(mx::diag(sizes)), grid);
  EXPECT_EQ(grid.codes, expected);
}

TEST_F(Rounding, ByColumnsIsTheNearestOfOtherNumbersToo) {
  const mx::array target = mx::random::normal({33, 160});
  const mx::array sizes = mx::add(mx::random::uniform({160}), mx::array(0.5f));
  const ColumnOrder order = *ColumnOrder::of(mx::diag(sizes));
  for (const QuantizationMode mode : kFloatModes) {
    QuantizedMatrix grid = QuantizedMatrix::of(in_mode(target, mode));
    const mx::array expected = grid.dense();
    grid.codes.assign(grid.codes.size(), 0);
    round_by_columns(target, order, grid);
    EXPECT_TRUE(mx::array_equal(grid.dense(), expected).item<bool>()) << name_of(mode);
  }
}

// The definition, column after column, in f64.
TEST_F(Rounding, ByColumnsAgreesWithPlainLoops) {
  const int out = 5, in = 192;
  const mx::array target = mx::random::normal({out, in});
  const ColumnOrder order = *ColumnOrder::of(moments_of(inputs(300, in)));
  QuantizedMatrix grid = QuantizedMatrix::of(nearest(target, 4));
  QuantizedMatrix expected = grid;
  const float* u = order.compensation.data<float>();
  for (int r = 0; r < out; ++r) {
    const mx::array row = mx::contiguous(mx::slice(target, {r, 0}, {r + 1, in}));
    mx::eval(row);
    std::vector<double> left;
    for (const int column : order.columns) left.push_back(row.data<float>()[column]);
    for (int i = 0; i < in; ++i) {
      const int column = order.columns[static_cast<size_t>(i)];
      const auto group = static_cast<size_t>(r * grid.groups() + column / 32);
      const double scale = grid.scales[group], bias = grid.biases[group];
      const double code =
          std::clamp(std::nearbyint((left[static_cast<size_t>(i)] - bias) / scale), 0.0, 15.0);
      expected.codes[static_cast<size_t>(r * in + column)] = static_cast<uint8_t>(code);
      const double error = (left[static_cast<size_t>(i)] - (code * scale + bias)) / u[i * in + i];
      for (int j = i; j < in; ++j) left[static_cast<size_t>(j)] -= error * u[i * in + j];
    }
  }
  round_by_columns(target, order, grid);
  int differences = 0;  // numbers half-way between two codes go either way in f32
  for (size_t i = 0; i < grid.codes.size(); ++i) differences += grid.codes[i] != expected.codes[i];
  EXPECT_LT(differences, 5);
}

TEST_F(Rounding, TheFactorIsThatOfTheInverse) {
  const mx::array h = moments_of(inputs(100, 24));
  const ColumnOrder order = *ColumnOrder::of(h, 0.02f);
  const mx::array columns(order.columns.begin(), {24}, mx::int32);
  const mx::array sorted = mx::take(mx::take(h, columns, 0), columns, 1);
  const mx::array damp = mx::multiply(mx::array(0.02f), mx::mean(mx::diagonal(h)));
  const mx::array damped = mx::add(sorted, mx::multiply(damp, mx::eye(24)));
  const mx::array u = order.compensation;
  EXPECT_LT(testing::distance(mx::matmul(damped, mx::matmul(mx::transpose(u), u)), mx::eye(24)),
            1e-3);
  EXPECT_LT(testing::distance(u, mx::triu(u)), 1e-9);
}

TEST_F(Rounding, NoSweepMakesARowWorse) {
  const mx::array target = mx::random::normal({20, 128}), x = inputs(400, 128);
  const mx::array h = moments_of(x);
  const auto check = [&](const io::LayerQuantization& setting, mx::Dtype dtype, double share) {
    QuantizedMatrix matrix = QuantizedMatrix::nearest(target, setting, dtype);
    const auto errors = [&] {
      mx::array all = output_errors(mx::subtract(target, matrix.dense()), h);
      all.eval();
      return std::vector<float>(all.data<float>(), all.data<float>() + all.size());
    };
    std::vector<float> before = errors();
    const double first = std::accumulate(before.begin(), before.end(), 0.0);
    for (int sweep = 0; sweep < 4; ++sweep) {
      descend(target, h, matrix, 1);
      const std::vector<float> after = errors();
      for (size_t row = 0; row < after.size(); ++row) {
        EXPECT_LE(after[row], before[row] * (1 + 1e-4f)) << sweep << " " << row;
      }
      before = after;
    }
    EXPECT_LT(std::accumulate(before.begin(), before.end(), 0.0), share * first);
    for (const float scale : matrix.scales) EXPECT_EQ(matrix.as_scale(scale), scale);
  };
  check({64, 3}, mx::float32, 0.5);
  check({64, 3}, mx::bfloat16, 0.5);
  for (const QuantizationMode mode : kFloatModes) {
    check(io::LayerQuantization::default_of(mode), mx::bfloat16, 0.6);
  }
}

TEST_F(Rounding, SearchedScalesLoseNoMoreThanMlxs) {
  const mx::array target = mx::random::normal({20, 128});
  const mx::array weights = mx::add(mx::random::uniform({128}), mx::array(0.1f));
  std::vector<io::LayerQuantization> settings = {{64, 2}, {64, 3}, {64, 4}};
  for (const QuantizationMode mode : kFloatModes) {
    settings.push_back(io::LayerQuantization::default_of(mode));
  }
  for (const io::LayerQuantization& setting : settings) {
    QuantizedMatrix matrix = QuantizedMatrix::nearest(target, setting, mx::bfloat16);
    const auto lost = [&] {
      mx::array sum =
          mx::sum(mx::multiply(mx::square(mx::subtract(target, matrix.dense())), weights));
      return static_cast<double>(sum.item<float>());
    };
    const double before = lost();
    search_scales(target, mx::diag(weights), matrix);
    EXPECT_LT(lost(), (setting.bits == 8 ? 1.0001 : 0.99) * before) << setting.bits;
    for (const float scale : matrix.scales) EXPECT_EQ(matrix.as_scale(scale), scale);
  }
}

// On texts that it has not seen, too.
TEST_F(Rounding, LosesFarLessThanRoundingToTheNearest) {
  const mx::array directions = mx::random::normal({6, 256});
  const auto more = [&](int rows) {
    return mx::add(
        mx::matmul(mx::multiply(mx::random::normal({rows, 6}), mx::array(3.0f)), directions),
        mx::random::normal({rows, 256}));
  };
  const mx::array seen = more(2000), others = more(500);
  const mx::array target = mx::random::normal({64, 256});
  for (int bits : {2, 3, 4}) {
    const ops::Weight found = rounded(target, moments_of(seen), options(bits, 64));
    EXPECT_EQ(found.bits, bits);
    EXPECT_EQ(found.group_size, 64);
    EXPECT_LT(output_error(target, found, others),
              0.5 * output_error(target, nearest(target, bits, 64), others))
        << bits;
  }
  for (const QuantizationMode mode : kFloatModes) {
    const ops::Weight found = rounded(target, moments_of(seen), options(mode));
    EXPECT_EQ(found.mode, mode);
    EXPECT_FALSE(found.biases);
    EXPECT_EQ(found.scales->dtype(), mx::uint8);
    EXPECT_LT(output_error(target, found, others),
              0.6 * output_error(target, in_mode(target, mode), others))
        << name_of(mode);
  }
}

// Of a vocabulary so many rows at a time: each is rounded as it is alone.
TEST_F(Rounding, ManyRowsAreRoundedAsFewAre) {
  const mx::array h = moments_of(inputs(300, 32));
  const mx::array few = mx::random::normal({100, 32});
  const mx::array many = mx::concatenate(std::vector{mx::random::normal({8150, 32}), few}, 0);
  const mx::array found = ops::dequantized(rounded(many, h, options(4)), mx::float32);
  EXPECT_EQ(found.shape(), many.shape());
  const mx::array expected = ops::dequantized(rounded(few, h, options(4)), mx::float32);
  EXPECT_LT(testing::distance(mx::slice(found, {8150, 0}, {8250, 32}), expected), 1e-6);
}

// An update far below a step of the grid: what is nearest in a new grid is worse than nothing.
TEST_F(Rounding, KeepsASmallUpdateOfAQuantizedMatrix) {
  const mx::array x = inputs(2000, 128);
  const ops::Weight before = nearest(mx::random::normal({64, 128}), 4);
  const mx::array base = ops::dequantized(before, mx::float32);
  const mx::array update = mx::multiply(
      mx::matmul(mx::random::normal({64, 2}), mx::random::normal({2, 128})), mx::array(0.01f));
  const mx::array target = mx::add(base, update);
  RoundingOptions with = options(4);
  with.before = before;
  const double whole = output_error(target, before, x);
  EXPECT_LT(output_error(target, rounded(target, moments_of(x), with), x), 0.2 * whole);
  EXPECT_GT(output_error(target, nearest(target, 4), x), 0.5 * whole);
}

// Without an update it stays what it is.
TEST_F(Rounding, LeavesAMatrixOnItsGridAlone) {
  const ops::Weight before = nearest(mx::random::normal({16, 64}), 4);
  RoundingOptions with = options(4);
  with.before = before;
  const ops::Weight after =
      rounded(ops::dequantized(before, mx::float32), moments_of(inputs(500, 64)), with);
  EXPECT_LT(testing::distance(ops::dequantized(after, mx::float32),
                              ops::dequantized(before, mx::float32)),
            1e-6);
}

// Columns that no text used, groups of one number alone, and moments of which f32 has no factor:
// never worse than the nearest.
TEST_F(Rounding, IsNeverWorseThanTheNearest) {
  const mx::array used = mx::astype(mx::less(mx::arange(64), mx::array(40)), mx::float32);
  const mx::array some = mx::multiply(inputs(300, 64), used);
  const mx::array direction = mx::multiply(mx::random::normal({1, 64}), mx::array(1e4f));
  const mx::array one = mx::matmul(mx::random::normal({300, 1}), direction);
  const mx::array target =
      mx::multiply(mx::random::normal({8, 64}),
                   mx::astype(mx::less(mx::arange(64), mx::array(32)), mx::float32));
  for (const mx::array& x : {some, one, mx::zeros({300, 64})}) {
    const ops::Weight found = rounded(target, moments_of(x), options(4));
    EXPECT_TRUE(mx::all(mx::isfinite(ops::dequantized(found, mx::float32))).item<bool>());
    EXPECT_LE(output_error(target, found, x), output_error(target, nearest(target, 4), x) * 1.001);
    for (const QuantizationMode mode : kFloatModes) {
      const ops::Weight other = rounded(target, moments_of(x), options(mode));
      EXPECT_TRUE(mx::all(mx::isfinite(ops::dequantized(other, mx::float32))).item<bool>());
      EXPECT_LE(output_error(target, other, x),
                output_error(target, in_mode(target, mode), x) * 1.001)
          << name_of(mode);
    }
  }
}

// Of each row by itself: what the texts do not show is no reason for more errors on them. They use
// one column of each group, which in some rows is the largest number: the nearest has it exactly.
TEST_F(Rounding, NoRowIsWorseThanTheNearestOnTheTexts) {
  const int out = 3000, in = 64;
  const mx::array target = mx::random::normal({out, in});
  const mx::array used = mx::equal(mx::remainder(mx::arange(in), mx::array(32)), mx::array(5));
  const mx::array sizes = mx::astype(used, mx::float32);
  const mx::array h = mx::diag(sizes);
  const auto errors = [&](const ops::Weight& weight) {
    const mx::array change = mx::subtract(target, ops::dequantized(weight, mx::float32));
    mx::array all = mx::sum(mx::multiply(mx::square(change), sizes), 1);
    all.eval();
    return std::vector<float>(all.data<float>(), all.data<float>() + all.size());
  };
  const auto check = [&](const ops::Weight& found, const ops::Weight& nearest) {
    const std::vector<float> now = errors(found), before = errors(nearest);
    int worse = 0;
    for (size_t row = 0; row < now.size(); ++row) worse += now[row] > before[row] + 1e-9f;
    EXPECT_EQ(worse, 0) << found.bits << " " << name_of(found.mode);
    EXPECT_LE(std::accumulate(now.begin(), now.end(), 0.0f),
              std::accumulate(before.begin(), before.end(), 0.0f));
  };
  for (const int bits : {2, 4, 8}) {
    check(rounded(target, h, options(bits)), nearest(target, bits));
  }
  for (const QuantizationMode mode : kFloatModes) {
    check(rounded(target, h, options(mode)), in_mode(target, mode));
  }
}

TEST_F(Rounding, AFactorThatIsNoneIsNotUsed) {
  const mx::array h = moments_of(inputs(100, 24));
  EXPECT_FALSE(ColumnOrder::of(mx::multiply(h, mx::array(-1.0f))));
  EXPECT_FALSE(ColumnOrder::of(mx::full({24, 24}, NAN)));
  EXPECT_TRUE(ColumnOrder::of(h));
}

}  // namespace
}  // namespace graft::calibration
