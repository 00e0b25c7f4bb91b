// Embeddings: our kernels against the portable form.

#include <gtest/gtest.h>
#include <mlx/random.h>

#include "graft/ops/embedding.h"
#include "tests/ops/of_each_type.h"

namespace graft::ops {
namespace {

class Embeddings : public OfEachType {};

// Codes and scales of every kind, as MLX reads them.
TEST(NumbersOfFewBits, AreMlxsOwn) {
  mx::random::seed(3);
  for (QuantizationMode mode :
       {QuantizationMode::mxfp4, QuantizationMode::mxfp8, QuantizationMode::nvfp4}) {
    SCOPED_TRACE(name_of(mode));
    const int bits = default_bits(mode), group = default_group_size(mode);
    const mx::array bytes = mx::astype(mx::random::randint(0, 256, {256, 64 * bits}), mx::uint8);
    const mx::array scales =
        mx::broadcast_to(mx::astype(mx::arange(0, 256), mx::uint8), {512 / group, 256});
    const Weight w{
        mx::view(bytes, mx::uint32), mx::contiguous(mx::transpose(scales)), {}, bits, group, mode};
    const mx::array ids = mx::arange(0, 256, mx::int32);
    const auto rows = [&](Kernels kernels) {
      KernelsScope backend(kernels);
      return mx::contiguous(embedding(ids, w, mx::float32));
    };
    EXPECT_TRUE(mx::array_equal(rows(Kernels::own), rows(Kernels::mlx), true).item<bool>());
  }
}

TEST_P(Embeddings, EmbeddingOfDenseAndQuantizedWeights) {
  const mx::array ids({5, 0, 89, 5}, mx::int32);
  for (const Weight& w : {Weight{random({90, 64}), {}, {}, 0, 0},
                          quantized(random_array({90, 64}, mx::float32), 32, 4, mx::bfloat16),
                          quantized_as(random({90, 64}), QuantizationMode::mxfp4, 4, 32),
                          quantized_as(random({90, 64}), QuantizationMode::mxfp8, 8, 32),
                          quantized_as(random({90, 64}), QuantizationMode::nvfp4, 4, 16)}) {
    auto rows = [&](bool kernels) {
      KernelsScope backend(kernels ? Kernels::own : Kernels::mlx);
      mx::array all = mx::astype(embedding(ids, w, dtype()), mx::float32);
      all.eval();
      return all;
    };
    EXPECT_EQ(testing::distance(rows(true), rows(false)), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Embeddings, kEachType, name_of_type);

}  // namespace
}  // namespace graft::ops
