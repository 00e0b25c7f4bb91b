#include "graft/lora/fuse.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "tests/support/arrays.h"
#include "tests/support/distance.h"
#include "tests/support/expect_error.h"

namespace graft::lora {
namespace {

using Kind = FusedFormat::Kind;
using testing::distance;

nn::Linear dense_layer(mx::Dtype dtype, int in = 64) {
  mx::random::seed(2);
  nn::Linear layer{"model.layers.0.mlp.up_proj",
                   {mx::astype(mx::random::normal({24, in}), dtype), {}, {}, 0, 0},
                   {},
                   nn::LoraAdapter{mx::random::normal({in, 4}), mx::random::normal({4, 24}), 0.5f}};
  mx::eval(layer.weight.weight, layer.adapter->a, layer.adapter->b);
  return layer;
}

mx::array expected_of(const nn::Linear& layer) {
  return mx::add(
      ops::dequantized(layer.weight, mx::float32),
      mx::multiply(mx::array(0.5f), mx::transpose(mx::matmul(layer.adapter->a, layer.adapter->b))));
}

TEST(Fuse, AddsTheUpdateAndKeepsTheDtype) {
  for (mx::Dtype dtype : {mx::float32, mx::bfloat16, mx::float16}) {
    nn::Linear layer = dense_layer(dtype);
    ops::Weight fused = fused_weight(layer, {});
    EXPECT_EQ(fused.weight.dtype(), dtype);
    EXPECT_TRUE(testing::same_bits(fused.weight, mx::astype(expected_of(layer), dtype)));
  }
}

TEST(Fuse, QuantizedLayerKeepsItsFormatOrTakesAnother) {
  nn::Linear layer = dense_layer(mx::float32);
  auto parts = mx::quantize(layer.weight.weight, 32, 4);
  layer.weight = {parts[0], mx::astype(parts[1], mx::float16), mx::astype(parts[2], mx::float16), 4,
                  32};
  mx::array expected = expected_of(layer);
  ops::Weight same = fused_weight(layer, {});
  EXPECT_EQ(same.bits, 4);
  EXPECT_EQ(same.group_size, 32);
  EXPECT_EQ(same.scales->dtype(), mx::float16);
  EXPECT_LT(distance(ops::dequantized(same, mx::float32), expected), 0.1);
  ops::Weight finer = fused_weight(layer, {Kind::quantized, 8});
  EXPECT_EQ(finer.bits, 8);
  EXPECT_LT(distance(ops::dequantized(finer, mx::float32), expected), 0.004);
  ops::Weight plain = fused_weight(layer, {Kind::dense, 0, mx::float32});
  EXPECT_FALSE(plain.quantized());
  EXPECT_LT(distance(plain.weight, expected), 1e-6);
}

TEST(Fuse, NumbersOfFewBitsStayInTheirMode) {
  nn::Linear layer = dense_layer(mx::float32);
  for (QuantizationMode mode :
       {QuantizationMode::mxfp4, QuantizationMode::mxfp8, QuantizationMode::nvfp4}) {
    nn::Linear now = layer;
    now.weight =
        ops::quantized_as(layer.weight.weight, mode, default_bits(mode), default_group_size(mode));
    const mx::array expected = expected_of(now);
    const ops::Weight same = fused_weight(now, {});
    EXPECT_EQ(same.mode, mode);
    EXPECT_EQ(same.weight.shape(), now.weight.weight.shape());
    EXPECT_FALSE(same.biases);
    const double tolerance = mode == QuantizationMode::mxfp8 ? 0.05 : 0.2;
    EXPECT_LT(distance(ops::dequantized(same, mx::float32), expected), tolerance);
    EXPECT_LT(distance(fused_weight(now, {Kind::dense, 0, mx::float32}).weight, expected), 1e-6);
    EXPECT_LT(
        distance(ops::dequantized(fused_weight(now, {Kind::quantized, 8}), mx::float32), expected),
        0.02);
  }
}

TEST(Fuse, LayerThatDoesNotDivideIntoGroupsIsNamed) {
  testing::expect_error(
      [] {
        fused_weight(dense_layer(mx::float32, 40), {Kind::quantized, 4});
      },
      {"model.layers.0.mlp.up_proj", "40 columns", "groups of 64"});
}

}  // namespace
}  // namespace graft::lora
