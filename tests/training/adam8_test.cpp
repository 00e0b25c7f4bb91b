#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "graft/io/npz.h"
#include "graft/kernels/dynamic_map.h"
#include "graft/ops/backend.h"
#include "graft/training/optimizers/makers.h"
#include "tests/training/given_gradients.h"

namespace graft::training {
namespace {

const std::map<std::string, mx::Shape> kShapes = {
    {"large", {64, 128}}, {"tail", {4196}}, {"small", {2000}}};

// gradient_of_bits of scripts/fixtures/optimizers.py: of many sizes within a block.
mx::array gradient_of(const std::string& name, const mx::Shape& shape, int step) {
  size_t count = 1;
  for (int size : shape) count *= static_cast<size_t>(size);
  const auto scale = testing::named_numbers(name + ".scale", count);
  auto numbers = testing::named_numbers(fmt::format("{}.grad.{}", name, step), count);
  for (size_t i = 0; i < count; ++i) {
    const float exponent = std::floor(8 * (scale[i] + 1));
    const bool zero = exponent == 15 || (i >= 1280 && i < 1536);
    numbers[i] = zero ? 0.0f : numbers[i] * std::exp2(-exponent);
  }
  return mx::array(numbers.begin(), shape, mx::float32);
}

class Adam8 : public ::testing::TestWithParam<ops::Kernels> {
 protected:
  // Codes that differ, of arrays of any shape; a test failure where one does by more than one.
  static int codes_apart(const mx::array& found, const mx::array& expected) {
    EXPECT_EQ(found.size(), expected.size());
    EXPECT_EQ(found.dtype(), mx::uint8);
    int apart = 0, most = 0;
    for (size_t i = 0; i < found.size(); ++i) {
      const int distance = std::abs(found.data<uint8_t>()[i] - expected.data<uint8_t>()[i]);
      apart += distance > 0 ? 1 : 0;
      most = std::max(most, distance);
    }
    EXPECT_LE(most, 1);
    return apart;
  }

  // Where a code differed in a step, so may the parameter, by some learning rates of 0.01: at most
  // one in `one_in`, or none if that is 0.
  static void expect_parameters(const mx::array& found, const mx::array& expected, size_t one_in) {
    const mx::array apart = mx::abs(mx::subtract(mx::flatten(found), expected));
    const int far = mx::sum(mx::greater(apart, mx::array(1e-6f))).item<int>();
    EXPECT_LE(far, one_in == 0 ? 0 : static_cast<int>(found.size() / one_in));
    EXPECT_LE(mx::max(apart).item<float>(), one_in == 0 ? 1e-6 : 5e-2);
  }

  static double difference(const mx::array& found, const mx::array& expected) {
    return mx::max(mx::abs(mx::subtract(mx::flatten(found), expected))).item<float>();
  }

  mx::array expected(const std::string& key) const { return expected_.load("adamw8." + key); }

  const ops::KernelsScope scope_{GetParam()};
  const io::NpzFile expected_{testing::fixture("optimizers/adam8.npz")};
};

TEST_P(Adam8, IsBitsandbytesAdamW8bit) {
  GivenDescent descent(
      kShapes,
      make_optimizer(
          {.name = "adamw", .weight_decay = 0.5, .bias_correction = true, .adam_bits = 8}));
  for (int step = 1; step <= 20; ++step) {
    NamedArrays gradients;
    for (const auto& [name, shape] : kShapes) {
      gradients.insert({name, gradient_of(name, shape, step)});
    }
    descent.step(gradients, 1e-2f);
    if (step != 1 && step != 20) continue;
    for (const std::string name : {"large", "tail"}) {
      SCOPED_TRACE(fmt::format("{}, step {}", name, step));
      const std::string key = fmt::format("{}.step{}", name, step);
      const Moments& moments = descent.moments(name);
      for (const std::string which : {"m", "v"}) {
        const mx::array& codes = moments.at(which);
        const int allowed = step == 1 ? 0 : static_cast<int>(codes.size() / 1000);
        EXPECT_LE(codes_apart(codes, expected(key + "." + which)), allowed) << which;
        const mx::array largest = expected(key + "." + which + "_absmax");
        EXPECT_LE(difference(moments.at(which + "_largest"), largest),
                  1e-6 * mx::max(largest).item<float>());
      }
      if (step == 1 && name == "tail") continue;  // not saved
      expect_parameters(descent.parameter(name), expected(key), step == 1 ? 0 : 1000);
    }
    const std::string small = fmt::format("small.step{}", step);
    EXPECT_LE(difference(descent.parameter("small"), expected(small)), 1e-6);
  }
  EXPECT_LE(difference(descent.moments("small").at("m"), expected("small.step20.m")), 1e-6);
  EXPECT_LE(difference(descent.moments("small").at("v"), expected("small.step20.v")), 1e-6);
}

// 8 bits change how averages are kept, not the rule: without bias correction, the first step is
// MLX's.
TEST_P(Adam8, TheFirstStepIsAdams) {
  const NamedArrays gradients = {{"tail", gradient_of("tail", kShapes.at("tail"), 1)}};
  GivenDescent coded({{"tail", {4196}}}, make_optimizer({.adam_bits = 8}));
  GivenDescent plain({{"tail", {4196}}}, make_optimizer({}));
  coded.step(gradients, 1e-2f);
  plain.step(gradients, 1e-2f);
  EXPECT_LE(difference(coded.parameter("tail"), plain.parameter("tail")), 1e-7);
}

INSTANTIATE_TEST_SUITE_P(Kernels, Adam8, ::testing::Values(ops::Kernels::own, ops::Kernels::mlx),
                         [](const auto& kernels) {
                           return kernels.param == ops::Kernels::own ? "own" : "mlx";
                         });

TEST(DynamicMap, IsBitsandbytes) {
  const io::NpzFile expected(testing::fixture("optimizers/adam8.npz"));
  for (const bool with_sign : {false, true}) {
    const mx::array values =
        expected.load(with_sign ? "dynamic_map.signed" : "dynamic_map.unsigned");
    const auto& map = with_sign ? kernels::signed_map() : kernels::unsigned_map();
    for (size_t i = 0; i < 256; ++i) EXPECT_EQ(map.values[i], values.data<float>()[i]) << i;
  }
}

}  // namespace
}  // namespace graft::training
