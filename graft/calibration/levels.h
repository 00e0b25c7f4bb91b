#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "graft/base/quantization_mode.h"

namespace graft::calibration {

/// The scales that MLX reads of the bytes 0 to 255, in a mode without biases.
std::vector<float> numbers_of_scales(QuantizationMode mode);

/// The numbers that a weight can be, before scale and bias, in ascending order: 0, 1, ... of mode
/// affine, the finite ones of E2M1 or E4M3 in the others, 0 once.
class Levels {
 public:
  /// Lives as long as the program.
  static const Levels& of(QuantizationMode mode, int bits);

  size_t size() const { return values_.size(); }
  float operator[](size_t level) const { return values_[level]; }
  /// As it is stored.
  uint8_t bits_of(size_t level) const { return bits_[level]; }
  /// The level that is stored so. E4M3's NaN is 0.
  uint8_t stored_as(uint8_t bits) const { return level_of_bits_[bits]; }

  /// The level nearest to a finite number; of numbers half-way between two, the even one in mode
  /// affine, else the upper one.
  uint8_t nearest(float x) const {
    if (integers_) return static_cast<uint8_t>(std::clamp(std::nearbyint(x), 0.0f, values_.back()));
    return static_cast<uint8_t>(std::upper_bound(middles_.begin(), middles_.end(), x) -
                                middles_.begin());
  }

 private:
  Levels(QuantizationMode mode, int bits);

  bool integers_;
  std::vector<float> values_, middles_;
  std::vector<uint8_t> bits_, level_of_bits_;
};

}  // namespace graft::calibration
