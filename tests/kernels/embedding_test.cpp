#include "graft/kernels/embedding.h"

#include <gtest/gtest.h>

#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/scalar/panel_product.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/random_quantized.h"

namespace graft::kernels {
namespace {

const std::vector<int32_t> kIds = {4, 0, 10, 4, 3};

void check(const LinearWeight& w, ScalarType type) {
  const auto count = static_cast<int64_t>(kIds.size());
  Numbers actual(type, count * w.in, 1), expected(type, count * w.in);
  embedding(w, kIds.data(), count, type, actual.data());
  for (int64_t i = 0; i < count * w.in; ++i) {
    const int32_t id = kIds[static_cast<size_t>(i / w.in)];
    expected.set(i, weight_scalar(w, id, i % w.in, ScalarType::f32));
  }
  expect_close(actual, expected, 1e-6, 1e-7);
}

TEST(Embedding, RowsOfEveryTypeAndFormat) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (ScalarType weight_type : kAllTypes) {
        const Numbers w = Numbers(weight_type, 11 * 35, 1).random(2);
        check({.out = 11, .in = 35, .data = w.data(), .type = weight_type}, type);
      }
      for (int bits : kAllBits) {
        const RandomQuantized w(11, 64, bits, 32, ScalarType::bf16);
        check({.out = 11, .in = 64, .quantized = true, .matrix = w.matrix}, type);
      }
      for (QuantizationMode mode : kSmallFloatModes) {
        const RandomQuantized w(11, 64, mode);
        check({.out = 11, .in = 64, .quantized = true, .matrix = w.matrix}, type);
      }
    }
  });
}

TEST(Embedding, RefusesWhatIsNoRow) {
  const Numbers w = Numbers(ScalarType::f32, 8).random(2);
  const LinearWeight weight{.out = 4, .in = 2, .data = w.data(), .type = w.type()};
  float out[2];
  for (int32_t id : {-1, 4}) EXPECT_THROW(embedding(weight, &id, 1, w.type(), out), Error);
}

}  // namespace
}  // namespace graft::kernels
