#include "graft/calibration/quantized_matrix.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cmath>

#include "graft/base/error.h"

namespace graft::calibration {
namespace {

template <class T>
std::vector<T> values_of(const mx::array& array) {
  mx::array own = mx::contiguous(array);
  own.eval();
  return {own.data<T>(), own.data<T>() + own.size()};
}

// The bits of a row's codes, from the low ones up, running on from word to word.
void pack_row(const uint8_t* codes, int count, int bits, const Levels& levels, uint32_t* words) {
  uint64_t held = 0;
  int held_bits = 0;
  for (int i = 0; i < count; ++i) {
    held |= uint64_t{levels.bits_of(codes[i])} << held_bits;
    held_bits += bits;
    if (held_bits < 32) continue;
    *words++ = static_cast<uint32_t>(held);
    held >>= 32;
    held_bits -= 32;
  }
}

void unpack_row(const uint32_t* words, int count, int bits, const Levels& levels, uint8_t* codes) {
  const uint32_t mask = (1u << bits) - 1;
  uint64_t held = 0;
  int held_bits = 0;
  for (int i = 0; i < count; ++i) {
    if (held_bits < bits) {
      held |= uint64_t{*words++} << held_bits;
      held_bits += 32;
    }
    codes[i] = levels.stored_as(static_cast<uint8_t>(held & mask));
    held >>= bits;
    held_bits -= bits;
  }
}

// The scales that are bytes. From 1 on, before NaN and E4M3's negative ones, their numbers grow
// with them; 0 is 0 in E4M3, and 2^-127, which f32 has as no normal number, in E8M0.
class ByteScales {
 public:
  explicit ByteScales(QuantizationMode mode)
      : numbers_(numbers_of_scales(mode)), end_(mode == QuantizationMode::nvfp4 ? 127 : 255) {}

  float number(uint8_t byte) const { return numbers_[byte]; }

  uint8_t nearest(float value) const {
    const float* const begin = numbers_.data() + 1;
    const float* const end = numbers_.data() + end_;
    const float* at = std::lower_bound(begin, end, value);
    if (at == end || (at != begin && value - at[-1] < at[0] - value)) --at;
    return static_cast<uint8_t>(at - numbers_.data());
  }

 private:
  std::vector<float> numbers_;
  size_t end_;
};

const ByteScales& byte_scales(QuantizationMode mode) {
  static const ByteScales e8m0(QuantizationMode::mxfp4), e4m3(QuantizationMode::nvfp4);
  return mode == QuantizationMode::nvfp4 ? e4m3 : e8m0;
}

}  // namespace

float as_stored(float value, mx::Dtype dtype) {
  if (dtype == mx::bfloat16) return static_cast<float>(mx::bfloat16_t(value));
  if (dtype == mx::float16) return static_cast<float>(mx::float16_t(value));
  return value;
}

float QuantizedMatrix::as_scale(float value) const {
  if (has_biases(setting.mode)) return as_stored(value, dtype);
  const ByteScales& all = byte_scales(setting.mode);
  return all.number(all.nearest(value));
}

mx::array QuantizedMatrix::dense() const {
  const Levels& all = levels();
  std::vector<float> numbers(codes.size());
  for (size_t i = 0; i < codes.size(); ++i) {
    const size_t group = i / static_cast<size_t>(setting.group_size);
    numbers[i] = all[codes[i]] * scales[group] + biases[group];
  }
  return mx::array(numbers.begin(), {out, in}, mx::float32);
}

ops::Weight QuantizedMatrix::packed() const {
  const size_t words = static_cast<size_t>(in) * static_cast<size_t>(setting.bits) / 32;
  std::vector<uint32_t> rows(static_cast<size_t>(out) * words);
  for (size_t row = 0; row < static_cast<size_t>(out); ++row) {
    pack_row(codes.data() + row * static_cast<size_t>(in), in, setting.bits, levels(),
             rows.data() + row * words);
  }
  const mx::array packed_rows(rows.begin(), {out, static_cast<int>(words)}, mx::uint32);
  ops::Weight weight{packed_rows, {}, {}, setting.bits, setting.group_size, setting.mode};
  if (has_biases(setting.mode)) {
    const auto stored = [&](const std::vector<float>& numbers) {
      return mx::astype(mx::array(numbers.begin(), {out, groups()}, mx::float32), dtype);
    };
    weight.scales = stored(scales);
    weight.biases = stored(biases);
  } else {
    std::vector<uint8_t> bytes;
    for (const float scale : scales) {
      // A group of zeros may have the scale 0 in E4M3.
      bytes.push_back(scale == 0 ? 0 : byte_scales(setting.mode).nearest(scale));
    }
    weight.scales = mx::array(bytes.begin(), {out, groups()}, mx::uint8);
  }
  mx::eval(weight.arrays());
  return weight;
}

QuantizedMatrix QuantizedMatrix::of(const ops::Weight& weight) {
  if (!weight.quantized()) fail("internal: a matrix is not quantized");
  QuantizedMatrix matrix{.out = weight.out(),
                         .in = weight.in(),
                         .setting = {weight.group_size, weight.bits, weight.mode},
                         .dtype = weight.scales->dtype(),
                         .codes = {},
                         .scales = {},
                         .biases = {}};
  const auto in = static_cast<size_t>(matrix.in), out = static_cast<size_t>(matrix.out);
  const std::vector<uint32_t> words = values_of<uint32_t>(weight.weight);
  matrix.codes.resize(out * in);
  for (size_t row = 0; row < out; ++row) {
    unpack_row(words.data() + row * (words.size() / out), matrix.in, weight.bits, matrix.levels(),
               matrix.codes.data() + row * in);
  }
  if (has_biases(weight.mode)) {
    matrix.scales = values_of<float>(mx::astype(*weight.scales, mx::float32));
    matrix.biases = values_of<float>(mx::astype(*weight.biases, mx::float32));
    return matrix;
  }
  for (const uint8_t byte : values_of<uint8_t>(*weight.scales)) {
    matrix.scales.push_back(byte_scales(weight.mode).number(byte));
  }
  matrix.biases.assign(matrix.scales.size(), 0.0f);
  return matrix;
}

QuantizedMatrix QuantizedMatrix::nearest(const mx::array& dense,
                                         const io::LayerQuantization& setting, mx::Dtype dtype) {
  return of(ops::quantized_as(dense, setting.mode, setting.bits, setting.group_size, dtype));
}

}  // namespace graft::calibration
