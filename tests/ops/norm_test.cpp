// Norms: our kernels against the portable form.

#include <gtest/gtest.h>
#include <mlx/fast.h>
#include <mlx/random.h>

#include <optional>
#include <vector>

#include "graft/ops/norm.h"
#include "tests/ops/of_each_type.h"

namespace graft::ops {
namespace {

class Norms : public OfEachType {};

TEST_P(Norms, NormOfASum) {
  mx::array weight = random({72});
  expect_parity(
      [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
        AddNorm r = add_rms_norm(in[0], in[1], weight, 1e-3f);
        return {r.sum, r.normed};
      },
      {random({13, 72}), random({13, 72})}, dtype(), tolerance());
}

TEST_P(Norms, NormAlone) {
  mx::array weight = random({40});
  expect_parity(
      [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
        return {rms_norm(in[0], weight, 1e-5f)};
      },
      {random({5, 40})}, dtype(), tolerance());
}

// Gemma's 1 + w of float32 keeps its bits where h is bfloat16.
TEST(Norm, WeightIsNotRoundedToTheTypeOfRows) {
  mx::array h = mx::astype(mx::random::normal({5, 40}), mx::bfloat16);
  const mx::array weight =
      mx::full({40}, mx::array(1.0f + 1.0f / 512));  // bfloat16 has 1 or 1 + 1/128
  for (bool kernels : {false, true}) {
    KernelsScope backend(kernels ? Kernels::own : Kernels::mlx);
    mx::array wide = mx::fast::rms_norm(mx::astype(h, mx::float32), weight, 1e-5f);
    mx::array normed = rms_norm(h, weight, 1e-5f);
    EXPECT_EQ(normed.dtype(), mx::bfloat16);
    EXPECT_TRUE(mx::allclose(mx::astype(normed, mx::float32),
                             mx::astype(mx::astype(wide, mx::bfloat16), mx::float32), 0, 0)
                    .item<bool>())
        << kernels;
  }
}

TEST_P(Norms, LayerNormOfASumAndAlone) {
  mx::array weight = random({72});
  const std::optional<mx::array> biases[] = {std::nullopt, random({72})};
  for (const std::optional<mx::array>& bias : biases) {
    SCOPED_TRACE(bias.has_value());
    expect_parity(
        [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
          AddNorm r = add_layer_norm(in[0], in[1], weight, bias, 1e-3f);
          return {r.sum, r.normed};
        },
        {random({13, 72}), random({13, 72})}, dtype(), tolerance());
    expect_parity(
        [&](const std::vector<mx::array>& in) -> std::vector<mx::array> {
          return {layer_norm(in[0], weight, bias, 1e-5f)};
        },
        {random({5, 72})}, dtype(), tolerance());
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Norms, kEachType, name_of_type);

}  // namespace
}  // namespace graft::ops
