#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "graft/kernels/convert.h"

namespace graft::kernels {

inline constexpr ScalarType kAllTypes[] = {ScalarType::f32, ScalarType::bf16, ScalarType::f16};

/// An array of numbers of some storage type, at an address that is `offset` elements off the
/// allocation's alignment, between guards. Its last guard byte is the allocation's last, so that a
/// sanitizer sees what is read beyond.
class Numbers {
 public:
  Numbers(ScalarType type, int64_t count, int64_t offset = 0)
      : type_(type), count_(count), offset_(offset) {
    bytes_.assign(static_cast<size_t>(offset + count) * size_of(type) + kGuard, kFill);
  }

  /// Uniform in [low, high).
  Numbers& random(unsigned seed, float low = -2.0f, float high = 2.0f) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<float> uniform(low, high);
    for (int64_t i = 0; i < count_; ++i) set(i, uniform(engine));
    return *this;
  }

  ScalarType type() const { return type_; }
  int64_t count() const { return count_; }
  void* data() { return bytes_.data() + start(); }
  const void* data() const { return bytes_.data() + start(); }
  float get(int64_t i) const { return load_scalar(type_, data(), i); }
  void set(int64_t i, float x) { store_scalar(type_, data(), i, x); }

  bool guards_are_whole() const {
    const size_t end = start() + static_cast<size_t>(count_) * size_of(type_);
    for (size_t i = 0; i < bytes_.size(); ++i) {
      if ((i < start() || i >= end) && bytes_[i] != kFill) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kGuard = 4;
  static constexpr unsigned char kFill = 0x5a;

  size_t start() const { return static_cast<size_t>(offset_) * size_of(type_); }

  ScalarType type_;
  int64_t count_, offset_;
  std::vector<unsigned char> bytes_;
};

/// The numbers agree to `relative` of their size or `absolute`, and to one unit in the last place
/// of their storage type; infinities and NaNs must be in the same places; guards must be whole.
inline void expect_close(const Numbers& actual, const Numbers& expected, double relative,
                         double absolute) {
  ASSERT_EQ(actual.count(), expected.count());
  EXPECT_TRUE(actual.guards_are_whole()) << "written outside the array";
  const double unit = actual.type() == ScalarType::bf16  ? 0x1p-7
                      : actual.type() == ScalarType::f16 ? 0x1p-10
                                                         : 0.0;
  const double least = actual.type() == ScalarType::f16 ? 0x1p-24 : 0.0;
  for (int64_t i = 0; i < actual.count(); ++i) {
    const double a = actual.get(i), e = expected.get(i);
    if (std::isnan(e)) {
      ASSERT_TRUE(std::isnan(a)) << "at " << i << ": " << a << " instead of NaN";
    } else if (std::isinf(e)) {
      ASSERT_EQ(a, e) << "at " << i;
    } else {
      const double tolerance = (relative + unit) * std::abs(e) + absolute + least;
      ASSERT_LE(std::abs(a - e), tolerance) << "at " << i << ": " << a << " instead of " << e;
    }
  }
}

}  // namespace graft::kernels
