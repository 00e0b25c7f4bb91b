#include "graft/calibration/levels.h"

#include <mlx/ops.h>

#include <map>
#include <numeric>
#include <utility>

#include "graft/ops/weight.h"

namespace graft::calibration {

namespace mx = mlx::core;

namespace {

constexpr uint8_t kOneOfE2m1 = 2, kOneOfE4m3 = 0x38, kOneOfE8m0 = 127;

// What MLX reads of rows that hold one stored number alone, each with its scale's byte.
std::vector<float> read_by_mlx(QuantizationMode mode, const std::vector<uint8_t>& stored,
                               const std::vector<uint8_t>& scales) {
  const int bits = default_bits(mode), group = default_group_size(mode);
  const auto rows = static_cast<int>(stored.size());
  const int words = group * bits / 32;
  std::vector<uint32_t> packed;
  for (const uint8_t one : stored) {
    const uint32_t word = one * (bits == 4 ? 0x11111111u : 0x01010101u);
    packed.insert(packed.end(), static_cast<size_t>(words), word);
  }
  const mx::array weight(packed.begin(), {rows, words}, mx::uint32);
  const mx::array bytes(scales.begin(), {rows, 1}, mx::uint8);
  mx::array numbers = mx::contiguous(mx::slice(
      ops::dequantized({weight, bytes, {}, bits, group, mode}, mx::float32), {0, 0}, {rows, 1}));
  numbers.eval();
  return {numbers.data<float>(), numbers.data<float>() + rows};
}

std::vector<uint8_t> all_bytes(size_t count) {
  std::vector<uint8_t> bytes(count);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  return bytes;
}

std::vector<float> stored_numbers(QuantizationMode mode, int bits) {
  const std::vector<uint8_t> stored = all_bytes(size_t{1} << bits);
  if (has_biases(mode)) return {stored.begin(), stored.end()};
  const uint8_t one = mode == QuantizationMode::nvfp4 ? kOneOfE4m3 : kOneOfE8m0;
  return read_by_mlx(mode, stored, std::vector<uint8_t>(stored.size(), one));
}

}  // namespace

std::vector<float> numbers_of_scales(QuantizationMode mode) {
  const uint8_t one = default_bits(mode) == 4 ? kOneOfE2m1 : kOneOfE4m3;
  return read_by_mlx(mode, std::vector<uint8_t>(256, one), all_bytes(256));
}

Levels::Levels(QuantizationMode mode, int bits) : integers_(has_biases(mode)) {
  const std::vector<float> numbers = stored_numbers(mode, bits);
  std::map<float, uint8_t> sorted;  // +0 and -0 are one number, stored as the first
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (std::isfinite(numbers[i])) sorted.insert({numbers[i], static_cast<uint8_t>(i)});
  }
  for (const auto& [value, stored] : sorted) {
    values_.push_back(value);
    bits_.push_back(stored);
  }
  for (size_t i = 1; i < values_.size(); ++i) {
    middles_.push_back((values_[i - 1] + values_[i]) / 2);
  }
  for (const float number : numbers) {
    level_of_bits_.push_back(nearest(std::isfinite(number) ? number : 0.0f));
  }
}

const Levels& Levels::of(QuantizationMode mode, int bits) {
  static const auto all = [] {
    std::map<std::pair<QuantizationMode, int>, Levels> levels;
    for (const QuantizationMode one : kQuantizationModes) {
      for (const int own : graft::bits_of(one)) levels.insert({{one, own}, Levels(one, own)});
    }
    return levels;
  }();
  return all.at({mode, bits});
}

}  // namespace graft::calibration
