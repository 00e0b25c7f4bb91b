#include "graft/calibration/affine_matrix.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>

#include "graft/base/error.h"

namespace graft::calibration {
namespace {

template <class T>
std::vector<T> values_of(const mx::array& array, mx::Dtype dtype) {
  mx::array own = mx::contiguous(mx::astype(array, dtype));
  own.eval();
  return {own.data<T>(), own.data<T>() + own.size()};
}

// The bits of a row's codes, from the low ones up, running on from word to word.
void pack_row(const uint8_t* codes, int count, int bits, uint32_t* words) {
  uint64_t held = 0;
  int held_bits = 0;
  for (int i = 0; i < count; ++i) {
    held |= uint64_t{codes[i]} << held_bits;
    held_bits += bits;
    if (held_bits < 32) continue;
    *words++ = static_cast<uint32_t>(held);
    held >>= 32;
    held_bits -= 32;
  }
}

}  // namespace

float as_stored(float value, mx::Dtype dtype) {
  if (dtype == mx::bfloat16) return static_cast<float>(mx::bfloat16_t(value));
  if (dtype == mx::float16) return static_cast<float>(mx::float16_t(value));
  return value;
}

mx::array AffineMatrix::dense() const {
  std::vector<float> numbers(codes.size());
  for (size_t i = 0; i < codes.size(); ++i) {
    const size_t group = i / static_cast<size_t>(group_size);
    numbers[i] = static_cast<float>(codes[i]) * scales[group] + biases[group];
  }
  return mx::array(numbers.begin(), {out, in}, mx::float32);
}

ops::Weight AffineMatrix::packed() const {
  const size_t words = static_cast<size_t>(in) * static_cast<size_t>(bits) / 32;
  std::vector<uint32_t> rows(static_cast<size_t>(out) * words);
  for (size_t row = 0; row < static_cast<size_t>(out); ++row) {
    pack_row(codes.data() + row * static_cast<size_t>(in), in, bits, rows.data() + row * words);
  }
  const auto stored = [&](const std::vector<float>& numbers) {
    return mx::astype(mx::array(numbers.begin(), {out, groups()}, mx::float32), dtype);
  };
  ops::Weight weight{mx::array(rows.begin(), {out, static_cast<int>(words)}, mx::uint32),
                     stored(scales), stored(biases), bits, group_size};
  mx::eval(weight.arrays());
  return weight;
}

AffineMatrix AffineMatrix::of(const ops::Weight& weight) {
  if (!weight.quantized() || !has_biases(weight.mode)) {
    fail("internal: a matrix is not quantized in mode affine");
  }
  const mx::array ones = mx::ones(weight.scales->shape(), mx::float32);
  const mx::array codes =
      mx::dequantize(weight.weight, ones, mx::zeros_like(ones), weight.group_size, weight.bits);
  return {.out = weight.out(),
          .in = weight.in(),
          .bits = weight.bits,
          .group_size = weight.group_size,
          .dtype = weight.scales->dtype(),
          .codes = values_of<uint8_t>(codes, mx::uint8),
          .scales = values_of<float>(*weight.scales, mx::float32),
          .biases = values_of<float>(*weight.biases, mx::float32)};
}

AffineMatrix AffineMatrix::nearest(const mx::array& dense, int bits, int group_size,
                                   mx::Dtype dtype) {
  return of(
      ops::quantized_as(mx::astype(dense, dtype), QuantizationMode::affine, bits, group_size));
}

}  // namespace graft::calibration
