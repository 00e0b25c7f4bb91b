#pragma once

#include <mlx/array.h>

#include <cstddef>
#include <cstdint>

namespace graft::trunk {

namespace mx = mlx::core;

/// How rows are kept: as they are, or in 8 bits a number, each row with a scale, the largest
/// absolute value of which is 127.
class RowForm {
 public:
  /// Of rows [., width] of `dtype`, a type of floating-point numbers. `bits`: 0, as they are, or 8.
  /// Throws UsageError for others.
  RowForm(int width, mx::Dtype dtype, int bits);

  /// Of a row that is kept.
  size_t row_bytes() const;
  bool exact() const { return bits_ == 0; }
  int bits() const { return bits_; }
  int width() const { return width_; }
  mx::Dtype dtype() const { return dtype_; }

  /// `rows` rows of the array's form as they are kept, and back.
  void keep(const void* from, int64_t rows, std::byte* to) const;
  void restore(const std::byte* from, int64_t rows, void* to) const;

 private:
  int width_;
  mx::Dtype dtype_;
  int bits_;
};

}  // namespace graft::trunk
