#include "graft/convert/quantize.h"

#include <gtest/gtest.h>
#include <mlx/device.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/stream.h>

#include "graft/base/threads.h"
#include "tests/support/arrays.h"

namespace graft::convert {
namespace {

namespace mx = mlx::core;

using testing::same_bits;

TEST(QuantizeRows, IsTheSameForAnyNumberOfThreads) {
  // Rows that divide by no number of threads, too few for them, and too little to divide.
  for (const mx::Shape& shape : {mx::Shape{1031, 512}, {2, 1 << 18}, {5, 64}}) {
    mx::array weight = mx::random::normal(shape);
    for (int bits : {3, 4}) {
      auto expected = mx::quantize(mx::astype(weight, mx::bfloat16), 64, bits);
      for (int threads : {1, 2, 3, 5}) {
        const ThreadsScope scope(threads);
        auto parts = quantize_rows(weight, mx::bfloat16, {64, bits});
        ASSERT_EQ(parts.size(), 3u);
        for (size_t i = 0; i < 3; ++i) {
          EXPECT_TRUE(same_bits(parts[i], expected[i])) << i << ", " << threads << " threads";
        }
      }
    }
  }
}

TEST(QuantizeRows, IsWhatMlxMakesInEveryMode) {
  // The last shape has rows that end within what nvfp4 packs at once.
  for (const mx::Shape& shape : {mx::Shape{1031, 512}, {5, 64}, {6022, 48}}) {
    const mx::array weight = mx::random::normal(shape);
    for (const char* name : {"mxfp4", "mxfp8", "nvfp4"}) {
      const auto setting = io::LayerQuantization::default_of(quantization_mode(name).value());
      if (shape[1] % setting.group_size != 0) continue;
      const auto expected = mx::quantize(mx::astype(weight, mx::float16), {}, {}, name);
      for (int threads : {1, 2, 3}) {
        const ThreadsScope scope(threads);
        const auto parts = quantize_rows(weight, mx::float16, setting);
        ASSERT_EQ(parts.size(), 2u);
        for (size_t i = 0; i < 2; ++i) {
          EXPECT_TRUE(mx::array_equal(parts[i], expected[i]).item<bool>()) << name << " " << i;
        }
      }
    }
  }
}

TEST(QuantizeRows, HasAStreamAThread) {
  if (mx::default_device() == mx::Device::gpu) GTEST_SKIP() << "one stream on a GPU";
  mx::array weight = mx::random::normal({1024, 512});
  mx::eval(weight);
  const size_t streams = mx::get_streams().size();
  {
    const ThreadsScope one(1);
    mx::eval(quantize_rows(weight, mx::float32, {64, 4}));
  }
  EXPECT_EQ(mx::get_streams().size(), streams);
  const ThreadsScope eight(8);  // more than other tests have asked for
  mx::eval(quantize_rows(weight, mx::float32, {64, 4}));
  EXPECT_GT(mx::get_streams().size(), streams);
}

}  // namespace
}  // namespace graft::convert
