#include "graft/kernels/quantized.h"

#include <gtest/gtest.h>

#include <limits>
#include <list>

#include "graft/kernels/scalar/quantized.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/random_quantized.h"

namespace graft::kernels {
namespace {

// With scales of 16 bits q * scale is exact in f32, so that there is one rounding, with or without
// fused multiply-add; with f32 scales there may be a second.
double tolerance(ScalarType scale_type) { return scale_type == ScalarType::f32 ? 1.2e-7 : 0.0; }

void check(const RandomQuantized& q, int64_t row_begin, int64_t row_end, int64_t column_begin,
           int64_t column_end, ScalarType out_type, int64_t stride, int64_t offset) {
  SCOPED_TRACE(testing::Message() << q.matrix.bits << " bits, groups of " << q.matrix.group_size
                                  << ", type " << static_cast<int>(out_type) << ", rows "
                                  << row_begin << "-" << row_end << ", columns " << column_begin
                                  << "-" << column_end);
  const int64_t count = (row_end - row_begin - 1) * stride + column_end - column_begin;
  Numbers out = Numbers(out_type, count, offset).random(9), expected(out);
  dequantize_block(q.matrix, row_begin, row_end, column_begin, column_end, out_type, out.data(),
                   stride);
  dequantize_block_scalar(q.matrix, row_begin, row_end, column_begin, column_end, out_type,
                          expected.data(), stride);
  if (tolerance(q.matrix.scale_type) > 0) {
    expect_close(out, expected, tolerance(q.matrix.scale_type), 2e-6);
    return;
  }
  EXPECT_TRUE(out.guards_are_whole());
  for (int64_t i = 0; i < count; ++i) ASSERT_EQ(out.get(i), expected.get(i)) << i;
}

TEST(Dequantize, EveryWidthGroupAndTypeAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (int bits : kAllBits) {
      for (int group : kAllGroups) {
        for (ScalarType scale_type : kAllTypes) {
          const RandomQuantized q(5, 3 * 128, bits, group, scale_type);
          for (ScalarType out_type : kAllTypes) {
            check(q, 0, 5, 0, 384, out_type, 384, 0);
            check(q, 1, 4, 32, 256, out_type, 231, 1);
            check(q, 4, 5, 352, 384, out_type, 32, 3);
          }
        }
      }
    }
  });
}

TEST(Dequantize, NumbersOfFewBitsAreExact) {
  for_each_isa([] {
    for (QuantizationMode mode : kSmallFloatModes) {
      SCOPED_TRACE(name_of(mode));
      const RandomQuantized q(5, 5 * 128, mode);
      for (ScalarType out_type : kAllTypes) {
        check(q, 0, 5, 0, 640, out_type, 640, 0);
        check(q, 1, 4, 32, 256, out_type, 231, 1);
        check(q, 4, 5, 608, 640, out_type, 32, 3);
      }
    }
    // Rows that end with half of what is unpacked at once.
    for (int64_t columns : {16, 48, 1040}) {
      const RandomQuantized q(5, columns, QuantizationMode::nvfp4);
      for (ScalarType out_type : kAllTypes) {
        check(q, 0, 5, 0, columns, out_type, columns, 0);
        check(q, 3, 5, columns / 32 * 32, columns, out_type, 19, 1);
      }
    }
  });
}

// Every number with every scale; NaNs, infinities, and what is no longer a normal number.
TEST(Dequantize, EveryNumberOfFewBitsWithEveryScale) {
  for (QuantizationMode mode : kSmallFloatModes) {
    SCOPED_TRACE(name_of(mode));
    const int group = default_group_size(mode), bits = default_bits(mode);
    const int64_t columns = 256 * 32 / bits / group * group;
    RandomQuantized q(256, columns, mode);
    for (int64_t row = 0; row < 256; ++row) {
      auto* values = reinterpret_cast<uint8_t*>(q.weight.data() + 1) + row * columns * bits / 8;
      for (int64_t i = 0; i < columns * bits / 8; ++i) values[i] = static_cast<uint8_t>(i);
      for (int64_t g = 0; g < columns / group; ++g) {
        q.scale_bytes[static_cast<size_t>(1 + row * (columns / group) + g)] =
            static_cast<uint8_t>(row);
      }
    }
    for_each_isa([&] {
      for (ScalarType out_type : kAllTypes) {
        Numbers out(out_type, 256 * columns), expected(out_type, 256 * columns);
        dequantize_block(q.matrix, 0, 256, 0, columns, out_type, out.data(), columns);
        dequantize_block_scalar(q.matrix, 0, 256, 0, columns, out_type, expected.data(), columns);
        expect_close(out, expected, 0, out_type == ScalarType::bf16 ? 0x1p-133 : 0.0);
      }
    });
  }
}

TEST(Dequantize, ManyRowsAreSharedByThreads) {
  for_each_isa([] {
    check(RandomQuantized(301, 576, 4, 32, ScalarType::f16), 0, 301, 0, 576, ScalarType::bf16, 576,
          0);
    check(RandomQuantized(301, 576, 8, 64, ScalarType::bf16), 0, 301, 64, 512, ScalarType::f32, 449,
          1);
  });
}

TEST(Dequantize, NotFiniteScalesStayWhereTheyAre) {
  const float inf = std::numeric_limits<float>::infinity();
  // Rounded like a number, this NaN would become -0.
  const float nan = std::bit_cast<float>(0x7fffffffu);
  for_each_isa([&] {
    for (int bits : kAllBits) {
      for (ScalarType out_type : kAllTypes) {
        RandomQuantized q(1, 128, bits, 32, ScalarType::f32);
        q.scales.set(0, nan);
        q.scales.set(1, inf);
        q.biases.set(3, -inf);
        Numbers out(out_type, 128), expected(out_type, 128);
        dequantize_block(q.matrix, 0, 1, 0, 128, out_type, out.data(), 128);
        dequantize_block_scalar(q.matrix, 0, 1, 0, 128, out_type, expected.data(), 128);
        expect_close(out, expected, 2e-7, 2e-6);
      }
    }
  });
}

TEST(Dequantize, RowsAreGatheredByIndex) {
  const std::vector<int32_t> indices = {6, 0, 6, 3, 1, 5, 4, 2, 0};
  for_each_isa([&] {
    std::list<RandomQuantized> all;
    for (int bits : kAllBits) all.emplace_back(7, 192, bits, 64, ScalarType::bf16);
    for (QuantizationMode mode : kSmallFloatModes) all.emplace_back(7, 192, mode);
    for (const RandomQuantized& q : all) {
      for (ScalarType out_type : kAllTypes) {
        Numbers out(out_type, 9 * 192, 1);
        dequantize_rows(q.matrix, indices.data(), 9, out_type, out.data());
        EXPECT_TRUE(out.guards_are_whole());
        for (int64_t i = 0; i < 9 * 192; ++i) {
          Numbers expected(out_type, 1);
          expected.set(
              0, dequantized_scalar(q.matrix, indices[static_cast<size_t>(i / 192)], i % 192));
          ASSERT_EQ(out.get(i), expected.get(0)) << i;
        }
      }
    }
  });
}

}  // namespace
}  // namespace graft::kernels
