#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "graft/kernels/convert.h"
#include "graft/kernels/scalar_type.h"

namespace graft::bench {

/// Numbers of a storage type, uniform in [-1, 1). The first 65537 are random and repeat, a prime,
/// so that no two rows of a matrix are the same and large ones are made at the speed of memory.
class Array {
 public:
  Array(kernels::ScalarType type, int64_t count)
      : type_(type), count_(count), bytes_(static_cast<size_t>(count) * kernels::size_of(type)) {
    constexpr int64_t kPeriod = 65537;
    std::mt19937 engine(static_cast<unsigned>(count));
    for (int64_t i = 0; i < std::min(count, kPeriod); ++i) {
      kernels::store_scalar(type, data(), i, static_cast<float>(engine()) * 0x1p-31f - 1.0f);
    }
    const size_t period = kPeriod * kernels::size_of(type);
    for (size_t at = period; at < bytes_.size(); at += period) {
      std::memcpy(&bytes_[at], bytes_.data(), std::min(period, bytes_.size() - at));
    }
  }

  void* data() { return bytes_.data(); }
  const void* data() const { return bytes_.data(); }
  float* floats() { return reinterpret_cast<float*>(bytes_.data()); }
  int64_t bytes() const { return static_cast<int64_t>(bytes_.size()); }
  float get(int64_t i) const { return kernels::load_scalar(type_, bytes_.data(), i); }
  void set(int64_t i, float x) { kernels::store_scalar(type_, bytes_.data(), i, x); }

  /// Whether the numbers [begin, end) agree, to the storage type's precision of the largest one.
  bool agrees(const Array& other, int64_t begin, int64_t end) const {
    const double tolerance = type_ == kernels::ScalarType::f32 ? 1e-4 : 2e-2;
    double largest = 0, difference = 0;
    for (int64_t i = begin; i < end; ++i) {
      if (!std::isfinite(get(i))) return false;
      largest = std::max(largest, std::abs(double{other.get(i)}));
      difference = std::max(difference, std::abs(double{get(i)} - other.get(i)));
    }
    return difference <= tolerance * largest;
  }
  bool agrees(const Array& other, int64_t count) const { return agrees(other, 0, count); }
  bool agrees(const Array& other) const { return agrees(other, 0, count_); }

 private:
  kernels::ScalarType type_;
  int64_t count_;
  std::vector<char> bytes_;
};

}  // namespace graft::bench
