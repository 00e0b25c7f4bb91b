#include "graft/kernels/matvec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <list>
#include <type_traits>
#include <vector>

#include "graft/kernels/scalar/matvec.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/random_quantized.h"
#include "tests/support/expect_error.h"

namespace graft::kernels {
namespace {

struct Case {
  int64_t x_rows, rows, columns;
  ScalarType x_type, y_type;
  bool with_bias;
  int64_t offset = 0;
};

template <class Matrix>
void check(const Matrix& w, const Case& c) {
  SCOPED_TRACE(::testing::Message()
               << c.x_rows << " times " << c.rows << "x" << c.columns << " x "
               << static_cast<int>(c.x_type) << " y " << static_cast<int>(c.y_type));
  const Numbers x = Numbers(c.x_type, c.x_rows * c.columns, c.offset).random(1);
  const Numbers bias = Numbers(c.x_type, c.rows, c.offset).random(2);
  const void* b = c.with_bias ? bias.data() : nullptr;
  Numbers y(c.y_type, c.x_rows * c.rows, c.offset), expected(c.y_type, c.x_rows * c.rows);
  matvec(w, c.x_rows, x.data(), c.x_type, b, y.data(), c.y_type);
  matvec_scalar(w, c.x_rows, x.data(), c.x_type, b, expected.data(), c.y_type);
  // f32 accumulation: an error in proportion to the terms, which are at most 4 (quantized: 2 * 26).
  expect_close(y, expected, 1e-6, 2e-6 * static_cast<double>(c.columns + 4));
}

TEST(DenseMatvec, EveryWidthTypeAndMisalignmentAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t columns = 1; columns <= 66; ++columns) {
        const int64_t rows = columns % 9 + 1, offset = columns % 4;
        const Numbers data = Numbers(type, rows * columns, offset).random(3);
        const DenseMatrix w{data.data(), type, rows, columns};
        check(w,
              {columns % 10 + 1, rows, columns, type, ScalarType::f32, columns % 2 == 0, offset});
        check(w, {1, rows, columns, ScalarType::f32, type, columns % 2 == 1, offset});
      }
    }
  });
}

TEST(DenseMatvec, ManyRowsAreSharedByThreads) {
  const Numbers data = Numbers(ScalarType::bf16, 1001 * 577).random(3);
  const DenseMatrix w{data.data(), ScalarType::bf16, 1001, 577};
  for_each_isa([&] {
    for (int64_t x_rows = 1; x_rows <= 17; x_rows += 4) {
      check(w, {x_rows, 1001, 577, ScalarType::bf16, ScalarType::bf16, true});
    }
  });
}

TEST(QuantizedMatvec, EveryWidthGroupAndTypeAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (int bits : kAllBits) {
      for (int group : kAllGroups) {
        for (ScalarType type : kAllTypes) {
          for (int64_t columns : {group, 3 * 128}) {
            const RandomQuantized q(7, columns, bits, group, type);
            const int64_t x_rows = bits + group / 32;  // 3 to 12
            check(q.matrix, {x_rows, 7, columns, type, ScalarType::f32, true, 1});
            check(q.matrix, {1, 7, columns, ScalarType::f32, type, false, 3});
            check(q.matrix, {2, 7, columns, type, type, false});
          }
        }
      }
    }
  });
}

TEST(QuantizedMatvec, NumbersOfFewBitsAgreeWithTheScalarCode) {
  for_each_isa([] {
    for (QuantizationMode mode : kSmallFloatModes) {
      SCOPED_TRACE(name_of(mode));
      for (ScalarType type : kAllTypes) {
        for (int64_t columns : {32, 96, 3 * 128, 17 * 32}) {
          const RandomQuantized q(7, columns, mode);
          for (int64_t x_rows : {1, 2, 3, 9}) {
            check(q.matrix, {x_rows, 7, columns, type, ScalarType::f32, x_rows > 1, 1});
            check(q.matrix, {x_rows, 7, columns, type, type, false});
          }
        }
      }
      for (int64_t rows : {1, 15, 17, 33, 65, 130, 1001}) {
        const RandomQuantized q(rows, 32 * (rows % 19 + 1), mode);
        for (ScalarType type : {ScalarType::bf16, ScalarType::f32}) {
          check(q.matrix, {1, rows, q.matrix.columns, type, ScalarType::f32, rows % 2 == 0});
          check(q.matrix, {3, rows, q.matrix.columns, type, ScalarType::f32, true});
        }
      }
    }
    for (int64_t columns : {16, 48, 272}) {
      const RandomQuantized q(19, columns, QuantizationMode::nvfp4);
      check(q.matrix, {2, 19, columns, ScalarType::bf16, ScalarType::f32, true});
      check(q.matrix, {2, 19, columns, ScalarType::f32, ScalarType::f32, true});
    }
  });
}

TEST(QuantizedMatvec, ANumberOfFewBitsThatIsNaNIsSeen) {
  for (QuantizationMode mode : {QuantizationMode::mxfp8, QuantizationMode::nvfp4}) {
    RandomQuantized q(40, 256, mode);
    if (mode == QuantizationMode::nvfp4) {
      q.scale_bytes[1 + 17 * 16 + 5] = 0x7f;
    } else {
      q.weight[1 + 17 * 64 + 5] |= 0x7f00u;
    }
    for_each_isa([&] {
      for (ScalarType type : {ScalarType::bf16, ScalarType::f32}) {
        const Numbers x = Numbers(type, 256).random(1);
        Numbers y(ScalarType::f32, 40);
        matvec(q.matrix, 1, x.data(), type, nullptr, y.data(), ScalarType::f32);
        for (int64_t i = 0; i < 40; ++i) EXPECT_EQ(std::isnan(y.get(i)), i == 17) << i;
      }
    });
  }
}

// Wherever the result is in f32, whatever numbers come between.
TEST(QuantizedMatvec, ScalesOfTheWholeRangeAgreeWithTheScalarCode) {
  constexpr int64_t kRows = 19, kColumns = 5 * 32;
  for (const int exponent : {-126, -110, -80, -45, 0, 67, 80, 100, 112}) {
    for (const float x_size : {0x1p-40f, 1.0f, 0x1p40f}) {
      if (exponent + std::ilogb(x_size) > 110 || exponent + std::ilogb(x_size) < -110) continue;
      SCOPED_TRACE(::testing::Message() << "scales of 2^" << exponent << ", x of " << x_size);
      RandomQuantized q(kRows, kColumns, QuantizationMode::mxfp8);
      // Groups of a row, and neighbours, differ.
      for (int64_t i = 0; i < kRows * kColumns / 32; ++i) {
        const int64_t smaller = i % 3, middle = i / 5 % 4 == 1 ? 127 : exponent + 127;
        q.scale_bytes[static_cast<size_t>(1 + i)] =
            static_cast<uint8_t>(std::max<int64_t>(middle - smaller, 0));
      }
      const Numbers x = Numbers(ScalarType::f32, 3 * kColumns).random(1, -x_size, x_size);
      Numbers y(ScalarType::f32, 3 * kRows), expected(ScalarType::f32, 3 * kRows);
      for_each_isa([&] {
        for (int64_t x_rows : {1, 3}) {
          matvec(q.matrix, x_rows, x.data(), ScalarType::f32, nullptr, y.data(), ScalarType::f32);
          matvec_scalar(q.matrix, x_rows, x.data(), ScalarType::f32, nullptr, expected.data(),
                        ScalarType::f32);
          for (int64_t i = 0; i < x_rows * kRows; ++i) {
            const double scale = i % kRows % 4 == 1 ? 1 : std::ldexp(1.0, exponent);
            ASSERT_NEAR(y.get(i), expected.get(i), 1e-4 * scale * x_size * kColumns) << i;
            ASSERT_TRUE(std::isfinite(expected.get(i)));
          }
        }
      });
    }
  }
}

TEST(QuantizedMatvec, ManyRowsAreSharedByThreads) {
  const RandomQuantized four(1001, 576, 4, 64, ScalarType::bf16);
  const RandomQuantized six(301, 576, 6, 32, ScalarType::f16);
  for_each_isa([&] {
    for (int64_t x_rows : {1, 2, 3, 8, 11}) {
      check(four.matrix, {x_rows, 1001, 576, ScalarType::bf16, ScalarType::bf16, true});
    }
    check(six.matrix, {1, 301, 576, ScalarType::bf16, ScalarType::f32, false});
  });
}

// x is rounded for each group alone: large numbers that meet no weight take nothing from small
// ones.
TEST(QuantizedMatvec, AGroupOfLargeNumbersDoesNotCoarsenTheOthers) {
  for (int bits : {4, 8}) {
    RandomQuantized q(5, 4 * 64, bits, 64, ScalarType::f32);
    Numbers x = Numbers(ScalarType::f32, 4 * 64).random(1, -1e-6f, 1e-6f);
    for (int64_t i = 64; i < 128; ++i) x.set(i, 1e6f);
    for (int64_t row = 0; row < 5; ++row) {
      q.scales.set(row * 4 + 1, 0);
      q.biases.set(row * 4 + 1, 0);
    }
    Numbers y(ScalarType::f32, 5), expected(ScalarType::f32, 5);
    for_each_isa([&] {
      matvec(q.matrix, 1, x.data(), ScalarType::f32, nullptr, y.data(), ScalarType::f32);
      matvec_scalar(q.matrix, 1, x.data(), ScalarType::f32, nullptr, expected.data(),
                    ScalarType::f32);
      expect_close(y, expected, 1e-6, 1e-9);
    });
  }
}

TEST(QuantizedMatvec, WhatIsNotFiniteIsSeenAndWhatIsTinyCountsAsNothing) {
  const RandomQuantized q(3, 128, 4, 32, ScalarType::f32);
  const float infinity = std::numeric_limits<float>::infinity();
  for_each_isa([&] {
    for (float x : {infinity, -infinity, std::nanf("")}) {
      Numbers bad = Numbers(ScalarType::f32, 128).random(1);
      bad.set(77, x);
      Numbers y(ScalarType::f32, 3);
      matvec(q.matrix, 1, bad.data(), ScalarType::f32, nullptr, y.data(), ScalarType::f32);
      for (int64_t i = 0; i < 3; ++i) EXPECT_FALSE(std::isfinite(y.get(i))) << x;
    }
    Numbers tiny(ScalarType::f32, 128), y(ScalarType::f32, 3);
    for (int64_t i = 0; i < 128; ++i) tiny.set(i, 1e-38f);
    matvec(q.matrix, 1, tiny.data(), ScalarType::f32, nullptr, y.data(), ScalarType::f32);
    for (int64_t i = 0; i < 3; ++i) EXPECT_NEAR(y.get(i), 0, 1e-30);
  });
}

// Rows that fill no tile, columns that fill no block.
TEST(QuantizedMatvec, EveryNumberOfRowsAndOfGroups) {
  for_each_isa([] {
    for (int bits : {4, 8}) {
      for (int64_t rows : {1, 15, 16, 17, 31, 33, 63, 65, 130}) {
        const RandomQuantized q(rows, 32 * (rows % 19 + 1), bits, 32, ScalarType::bf16);
        check(q.matrix,
              {1, rows, q.matrix.columns, ScalarType::bf16, ScalarType::f32, rows % 2 == 0});
        check(q.matrix, {3, rows, q.matrix.columns, ScalarType::f32, ScalarType::f32, true});
      }
    }
  });
}

// Several products of one x: each as it is alone, wherever the threads' shares are cut.
TEST(Matvec, ProductsTogetherAreThoseAlone) {
  const RandomQuantized a(37, 256, 4, 64, ScalarType::bf16, 1);
  const RandomQuantized b(500, 256, 4, 64, ScalarType::f16, 2);
  const RandomQuantized c(1, 256, 4, 64, ScalarType::f32, 3);
  const Numbers data = Numbers(ScalarType::bf16, 900 * 256).random(3);
  const DenseMatrix d{data.data(), ScalarType::bf16, 300, 256};
  const DenseMatrix e{data.data(), ScalarType::f16, 600, 256};
  const Numbers x = Numbers(ScalarType::bf16, 11 * 256).random(4);
  const Numbers bias = Numbers(ScalarType::bf16, 600).random(5);
  for_each_isa([&] {
    auto compare = [&](auto... weights) {
      using Matrix = std::common_type_t<decltype(weights)...>;
      std::vector<MatvecProduct<Matrix>> products;
      std::vector<Numbers> together, alone;
      for (const Matrix& w : {weights...}) {
        together.emplace_back(ScalarType::f32, 11 * w.rows);
        alone.emplace_back(ScalarType::f32, 11 * w.rows);
        const void* with_bias = products.size() == 1 ? bias.data() : nullptr;
        products.push_back({w, with_bias, nullptr});
        matvec(w, 11, x.data(), ScalarType::bf16, with_bias, alone.back().data(), ScalarType::f32);
      }
      for (size_t i = 0; i < products.size(); ++i) products[i].y = together[i].data();
      matvec(std::span<const MatvecProduct<Matrix>>(products), 11, x.data(), ScalarType::bf16,
             ScalarType::f32);
      for (size_t i = 0; i < products.size(); ++i) expect_close(together[i], alone[i], 0, 0);
    };
    compare(a.matrix, b.matrix, c.matrix);
    compare(d, e);
  });
  const RandomQuantized other(3, 128, 8, 32, ScalarType::f32);
  const MatvecProduct<QuantizedMatrix> unlike[] = {{a.matrix, nullptr, nullptr},
                                                   {other.matrix, nullptr, nullptr}};
  testing::expect_error([&] { matvec(unlike, 1, x.data(), ScalarType::bf16, ScalarType::f32); },
                        "256 and 128 columns");
}

// What a token's logits are must not depend on what else is in the batch.
TEST(Matvec, ARowIsTheSameAloneAndAmongOthers) {
  const RandomQuantized q(37, 256, 4, 64, ScalarType::bf16);
  const Numbers data = Numbers(ScalarType::bf16, 37 * 101).random(3);
  const DenseMatrix dense{data.data(), ScalarType::bf16, 37, 101};
  const Numbers x = Numbers(ScalarType::f32, 8 * 256).random(4);
  for_each_isa([&] {
    auto compare = [&](const auto& w) {
      Numbers all(ScalarType::f32, 8 * 37), one(ScalarType::f32, 37);
      matvec(w, 8, x.data(), ScalarType::f32, nullptr, all.data(), ScalarType::f32);
      for (int64_t m = 0; m < 8; ++m) {
        const float* row = static_cast<const float*>(x.data()) + m * w.columns;
        matvec(w, 1, row, ScalarType::f32, nullptr, one.data(), ScalarType::f32);
        for (int64_t n = 0; n < 37; ++n) ASSERT_EQ(one.get(n), all.get(m * 37 + n));
      }
    };
    compare(q.matrix);
    compare(dense);
  });
}

// The same for activations in bf16, in every number of rows up to few_rows and beyond, and with
// columns that fill no block.
TEST(Matvec, ARowOfBf16IsTheSameAloneAndAmongOthers) {
  for (int64_t columns : {96, 128, 576}) {
    std::list<RandomQuantized> weights;
    for (int bits : {4, 8}) weights.emplace_back(67, columns, bits, 32, ScalarType::f16);
    for (QuantizationMode mode : kSmallFloatModes) weights.emplace_back(67, columns, mode);
    for (const RandomQuantized& q : weights) {
      const Numbers x = Numbers(ScalarType::bf16, 70 * columns).random(4);
      for_each_isa([&] {
        Numbers all(ScalarType::f32, 70 * 67), some(ScalarType::f32, 70 * 67);
        matvec(q.matrix, 70, x.data(), ScalarType::bf16, nullptr, all.data(), ScalarType::f32);
        for (int64_t rows = 1; rows <= 33; ++rows) {
          matvec(q.matrix, rows, x.data(), ScalarType::bf16, nullptr, some.data(), ScalarType::f32);
          for (int64_t i = 0; i < rows * 67; ++i) ASSERT_EQ(some.get(i), all.get(i)) << rows;
        }
        const auto* third = static_cast<const bf16_t*>(x.data()) + 3 * columns;
        matvec(q.matrix, 1, third, ScalarType::bf16, nullptr, some.data(), ScalarType::f32);
        for (int64_t n = 0; n < 67; ++n) ASSERT_EQ(some.get(n), all.get(3 * 67 + n));
      });
    }
  }
}

}  // namespace
}  // namespace graft::kernels
