#include "graft/kernels/group_gradients.h"

#include <gtest/gtest.h>

#include <vector>

#include "graft/base/threads.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/random_quantized.h"

namespace graft::kernels {
namespace {

TEST(GroupGradients, EveryFormAgreesWithPlainLoops) {
  for_each_isa([] {
    for (int bits : {2, 3, 4, 5, 6, 8}) {
      for (int group : {32, 64, 128}) {
        const int64_t rows = 19, columns = 256, groups = columns / group;
        const RandomQuantized random(rows, columns, bits, group, ScalarType::bf16);
        const Numbers d = Numbers(ScalarType::f32, rows * columns).random(4, -1, 1);
        std::vector<float> scales(static_cast<size_t>(rows * groups)), biases(scales);
        group_gradients(random.matrix, static_cast<const float*>(d.data()), scales.data(),
                        biases.data());
        for (int64_t at = 0; at < rows * groups; ++at) {
          double of_codes = 0, of_all = 0;
          for (int64_t i = at * group; i < (at + 1) * group; ++i) {
            const int64_t bit = i % columns * bits, row = i / columns;
            const auto* words = random.matrix.weight + row * columns * bits / 32 + bit / 32;
            uint64_t both = words[0];
            if (bit % 32 + bits > 32) both |= uint64_t{words[1]} << 32;
            const auto code = static_cast<double>((both >> (bit % 32)) & ((1u << bits) - 1));
            of_codes += code * d.get(i);
            of_all += d.get(i);
          }
          EXPECT_NEAR(scales[static_cast<size_t>(at)], of_codes, 1e-4 * (1 << bits));
          EXPECT_NEAR(biases[static_cast<size_t>(at)], of_all, 1e-4);
        }
      }
    }
  });
}

TEST(GroupGradients, AreTheSameWithAnyNumberOfThreads) {
  const RandomQuantized random(50, 128, 4, 64, ScalarType::f32);
  const Numbers d = Numbers(ScalarType::f32, 50 * 128).random(4, -1, 1);
  const auto gradients = [&](int threads) {
    const ThreadsScope scope(threads);
    std::vector<float> both(200);
    group_gradients(random.matrix, static_cast<const float*>(d.data()), both.data(),
                    both.data() + 100);
    return both;
  };
  EXPECT_EQ(gradients(1), gradients(3));
}

}  // namespace
}  // namespace graft::kernels
