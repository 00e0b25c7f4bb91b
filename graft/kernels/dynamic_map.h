#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace graft::kernels {

/// What an 8-bit code of an optimizer's moving average stands for, relative to the largest number
/// of its block: dynamic tree quantization (Dettmers, arXiv:1511.04561; Dettmers et al.,
/// arXiv:2110.02861), to the bit as bitsandbytes has it on the CPU.
struct DynamicMap {
  static constexpr int kSteps = 65536;
  static constexpr int64_t kBlock = 256;  // numbers that share a scale

  std::array<float, 256> values;      // ascending
  std::array<uint8_t, kSteps> codes;  // of the number -1 + 2 i / 65535, at i
};

/// For each power of ten from 1e-6 to 1: twice as many numbers as for the one before, the middles
/// of equal parts of [0.1, 1] times the power; with 0 and 1, and with a sign their negatives.
inline std::array<float, 256> dynamic_values(bool with_sign) {
  std::array<float, 256> values{0.0f, 1.0f};
  size_t count = 2;
  for (int decade = 0; decade < 7; ++decade) {
    const int parts = 1 << (with_sign ? decade : decade + 1);
    // The bounds as torch.linspace rounds them.
    const float width = (1.0f - 0.1f) / static_cast<float>(parts);
    auto bound = [&](int i) {
      if (i < (parts + 1) / 2) return std::fma(width, static_cast<float>(i), 0.1f);
      return std::fma(-width, static_cast<float>(parts - i), 1.0f);
    };
    const auto power = static_cast<float>(std::pow(10.0, decade - 6));
    for (int i = 0; i < parts; ++i) {
      const float value = power * ((bound(i) + bound(i + 1)) / 2);
      values[count++] = value;
      if (with_sign) values[count++] = -value;
    }
  }
  std::sort(values.begin(), values.end());
  return values;
}

inline DynamicMap make_dynamic_map(bool with_sign) {
  DynamicMap map{dynamic_values(with_sign), {}};
  size_t code = 0;
  for (size_t i = 0; i < map.codes.size(); ++i) {
    const float number = -1.0f + 2.0f * static_cast<float>(i) / 65535.0f;
    while (code < 255 && 0.5f * (map.values[code] + map.values[code + 1]) < number) ++code;
    map.codes[i] = static_cast<uint8_t>(code);
  }
  return map;
}

/// Of averages of gradients.
inline const DynamicMap& signed_map() {
  static const DynamicMap map = make_dynamic_map(true);
  return map;
}

/// Of averages of their squares. Its codes come from [-1, 1] all the same: a square below 1.5e-5 of
/// the largest is kept as that, which holds the steps of parameters with tiny gradients down.
inline const DynamicMap& unsigned_map() {
  static const DynamicMap map = make_dynamic_map(false);
  return map;
}

}  // namespace graft::kernels
