#pragma once

#include <mlx/array.h>

#include <cstdint>

namespace graft::calibration {

namespace mx = mlx::core;

/// Of the rows x that a linear layer reads: the sum of x^T x. With it the change of a row w of its
/// matrix by d changes its outputs by d H d^T, summed over their squares.
class SecondMoments {
 public:
  explicit SecondMoments(int in);

  /// Rows [N, in] of any floating type.
  void add(const mx::array& rows);

  int64_t rows() const { return rows_; }
  /// H [in, in], f32, over the number of rows.
  mx::array mean() const;

 private:
  mx::array sum_;
  int64_t rows_ = 0;
};

/// Of an embedding that is the head, whose moments are those of what the head reads: its rows are
/// read as they are, too, so that what no text asks of the head counts as well, with a tenth of the
/// mean of H's diagonal.
mx::array with_lookups(const mx::array& moments);

/// d H d^T of each row of a change [out, in], f32 [out].
mx::array output_errors(const mx::array& change, const mx::array& moments);

}  // namespace graft::calibration
