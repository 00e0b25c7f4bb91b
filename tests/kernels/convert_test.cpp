#include "graft/kernels/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "tests/kernels/each_isa.h"

namespace graft::kernels {
namespace {

uint32_t bits_of(float x) { return std::bit_cast<uint32_t>(x); }
float float_of(uint32_t bits) { return std::bit_cast<float>(bits); }

// Checks rounding by its definition: between two neighbours the middle goes to the even one, all
// below it down and all above it up.
template <class T, class From>
void check_rounding(uint16_t infinity, From from) {
  for (uint16_t low = 0; low < infinity; ++low) {
    const uint16_t high = static_cast<uint16_t>(low + 1);
    const float a = float_from(T{low});
    ASSERT_EQ(from(a).bits, low);
    ASSERT_EQ(from(-a).bits, low | 0x8000);
    // The "next" number after the largest is where infinity begins to count.
    const double b = high == infinity ? 2.0 * a - float_from(T{static_cast<uint16_t>(low - 1)})
                                      : double{float_from(T{high})};
    const double exact_middle = (a + b) / 2;
    const float middle = static_cast<float>(exact_middle);
    if (middle != exact_middle) continue;  // bf16 denormals: no float lies in the middle
    ASSERT_EQ(from(middle).bits, (low & 1) != 0 ? high : low) << low;
    ASSERT_EQ(from(std::nextafter(middle, 0.0f)).bits, low) << low;
    ASSERT_EQ(from(std::nextafter(middle, INFINITY)).bits, high) << low;
  }
  ASSERT_EQ(from(INFINITY).bits, infinity);
  ASSERT_EQ(from(-INFINITY).bits, infinity | 0x8000);
  ASSERT_EQ(from(std::numeric_limits<float>::max()).bits, infinity);
  ASSERT_TRUE(std::isnan(float_from(from(float_of(0x7f800001)))));
  ASSERT_TRUE(std::isnan(float_from(from(float_of(0xffffffff)))));
  ASSERT_EQ(bits_of(float_from(from(-0.0f))), 0x80000000u);
}

TEST(Convert, Bf16RoundsToNearestEven) { check_rounding<bf16_t>(0x7f80, bf16_from); }
TEST(Convert, F16RoundsToNearestEven) { check_rounding<f16_t>(0x7c00, f16_from); }

TEST(Convert, F16HasTheValuesOfBinary16) {
  EXPECT_EQ(float_from(f16_t{0x3c00}), 1.0f);
  EXPECT_EQ(float_from(f16_t{0xc000}), -2.0f);
  EXPECT_EQ(float_from(f16_t{0x7bff}), 65504.0f);
  EXPECT_EQ(float_from(f16_t{0x0001}), 0x1p-24f);
  EXPECT_EQ(float_from(f16_t{0x0400}), 0x1p-14f);
  EXPECT_EQ(float_from(f16_t{0x7c00}), INFINITY);
  EXPECT_TRUE(std::isnan(float_from(f16_t{0x7c01})));
}

std::vector<uint16_t> all_patterns() {
  std::vector<uint16_t> patterns(65536);
  for (size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<uint16_t>(i);
  return patterns;
}

TEST(Convert, VectorsWidenEveryPatternAsTheScalarCodeDoes) {
  const std::vector<uint16_t> in = all_patterns();
  for_each_isa([&] {
    std::vector<float> out(in.size());
    convert(ScalarType::bf16, in.data(), ScalarType::f32, out.data(), 65536);
    for (size_t i = 0; i < in.size(); ++i) {
      ASSERT_EQ(bits_of(out[i]), bits_of(float_from(bf16_t{in[i]}))) << i;
    }
    convert(ScalarType::f16, in.data(), ScalarType::f32, out.data(), 65536);
    for (size_t i = 0; i < in.size(); ++i) {
      ASSERT_EQ(bits_of(out[i]), bits_of(float_from(f16_t{in[i]}))) << i;
    }
  });
}

TEST(Convert, VectorsNarrowAsTheScalarCodeDoes) {
  // Every sign, exponent and upper mantissa bit, with lower bits below, at and above each tie.
  std::vector<float> in;
  for (uint32_t high = 0; high < (1u << 19); ++high) {
    for (uint32_t low : {0x0000u, 0x0001u, 0x0fffu, 0x1000u, 0x1001u, 0x1fffu}) {
      in.push_back(float_of(high << 13 | low));
    }
  }
  const int64_t count = static_cast<int64_t>(in.size());
  for_each_isa([&] {
    std::vector<uint16_t> out(in.size());
    convert(ScalarType::f32, in.data(), ScalarType::bf16, out.data(), count);
    for (size_t i = 0; i < in.size(); ++i) {
      ASSERT_EQ(out[i], bf16_from(in[i]).bits) << std::hex << bits_of(in[i]);
    }
    convert(ScalarType::f32, in.data(), ScalarType::f16, out.data(), count);
    for (size_t i = 0; i < in.size(); ++i) {
      ASSERT_EQ(out[i], f16_from(in[i]).bits) << std::hex << bits_of(in[i]);
    }
  });
}

TEST(Convert, EveryLengthAndMisalignmentWritesItsElementsAlone) {
  constexpr ScalarType kTypes[] = {ScalarType::f32, ScalarType::bf16, ScalarType::f16};
  for_each_isa([&] {
    for (ScalarType in_type : kTypes) {
      for (ScalarType out_type : kTypes) {
        for (int64_t count = 0; count <= 70; ++count) {
          for (int64_t offset = 0; offset < 3; ++offset) {
            // Exactly as long as needed, so that a sanitizer sees what is read beyond.
            std::vector<char> in(static_cast<size_t>(offset + count) * size_of(in_type));
            std::vector<char> out(static_cast<size_t>(offset + count + 1) * size_of(out_type), 77);
            const std::vector<char> before = out;
            for (int64_t i = 0; i < offset + count; ++i) {
              store_scalar(in_type, in.data(), i, 0.37f * static_cast<float>(i) - 3.0f);
            }
            convert(in_type, in.data() + static_cast<size_t>(offset) * size_of(in_type), out_type,
                    out.data() + static_cast<size_t>(offset) * size_of(out_type), count);
            std::vector<char> expected = before;
            for (int64_t i = offset; i < offset + count; ++i) {
              store_scalar(out_type, expected.data(), i, load_scalar(in_type, in.data(), i));
            }
            ASSERT_EQ(out, expected) << count << " at " << offset;
          }
        }
      }
    }
  });
}

}  // namespace
}  // namespace graft::kernels
