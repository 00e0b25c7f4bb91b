#include "graft/kernels/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graft/base/error.h"
#include "graft/kernels/scalar/rope.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

const float* floats(const Numbers& numbers) { return static_cast<const float*>(numbers.data()); }

void check(const RopeShape& shape, bool inverse, int64_t offset) {
  SCOPED_TRACE(testing::Message() << shape.rows << "x" << shape.heads << "x" << shape.head_dim
                                  << " rotary " << shape.rotary_dim << " type "
                                  << static_cast<int>(shape.type) << " inverse " << inverse
                                  << " offset " << offset);
  const int64_t count = shape.rows * shape.heads * shape.head_dim;
  const int64_t angles = shape.rows * shape.rotary_dim / 2;
  const Numbers x = Numbers(shape.type, count, offset).random(1);
  const Numbers cos = Numbers(ScalarType::f32, angles, offset).random(2, -1, 1);
  const Numbers sin = Numbers(ScalarType::f32, angles, offset).random(3, -1, 1);
  Numbers expected(shape.type, count);
  rope_scalar(shape, x.data(), floats(cos), floats(sin), inverse, expected.data());
  for_each_isa([&] {
    Numbers out(shape.type, count, offset), in_place = x;
    rope(shape, x.data(), floats(cos), floats(sin), inverse, out.data());
    expect_close(out, expected, 0, 1e-6);
    rope(shape, in_place.data(), floats(cos), floats(sin), inverse, in_place.data());
    for (int64_t i = 0; i < count; ++i) ASSERT_EQ(in_place.get(i), out.get(i)) << "at " << i;
    EXPECT_TRUE(in_place.guards_are_whole());
  });
}

TEST(Rope, EveryWidthTypeAndMisalignmentAgreesWithTheScalarCode) {
  for (ScalarType type : kAllTypes) {
    for (int64_t rotary_dim = 0; rotary_dim <= 70; rotary_dim += 2) {
      for (int64_t more : {0, 1, 5}) {
        if (rotary_dim + more == 0) continue;
        check({3, 2, rotary_dim + more, rotary_dim, type}, more == 1, rotary_dim / 2 % 4);
      }
    }
  }
}

TEST(Rope, ManyRowsAreSharedByThreads) {
  for (ScalarType type : kAllTypes) check({301, 9, 64, 64, type}, false, 1);
}

TEST(Rope, InverseTurnsBack) {
  const RopeShape shape{40, 3, 20, 16, ScalarType::f32};
  Numbers x = Numbers(shape.type, 40 * 3 * 20).random(1);
  Numbers cos(ScalarType::f32, 40 * 8), sin(ScalarType::f32, 40 * 8);
  for (int64_t i = 0; i < cos.count(); ++i) {
    cos.set(i, std::cos(static_cast<float>(i)));
    sin.set(i, std::sin(static_cast<float>(i)));
  }
  for_each_isa([&] {
    Numbers y(shape.type, x.count());
    rope(shape, x.data(), floats(cos), floats(sin), false, y.data());
    rope(shape, y.data(), floats(cos), floats(sin), true, y.data());
    expect_close(y, x, 1e-6, 1e-6);
  });
}

TEST(Rope, RefusesOddOrTooManyDimensions) {
  float x[8] = {}, angles[8] = {};
  EXPECT_THROW(rope({1, 1, 8, 3}, x, angles, angles, false, x), Error);
  EXPECT_THROW(rope({1, 1, 8, 10}, x, angles, angles, false, x), Error);
  EXPECT_THROW(rope({1, 1, 8, -2}, x, angles, angles, false, x), Error);
}

}  // namespace
}  // namespace graft::kernels
