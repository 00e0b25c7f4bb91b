#include "graft/calibration/cholesky.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "graft/base/thread_pool.h"
#include "graft/calibration/products.h"

namespace graft::calibration {
namespace {

constexpr int kFactorBlock = 128;  // columns
constexpr int64_t kRowsASolve = 16;

// A lower triangular block [n, n] in f64.
class Triangle {
 public:
  // The lower half of what begins at `from`, with rows of `stride`.
  Triangle(const float* from, size_t stride, int n)
      : n_(static_cast<size_t>(n)), numbers_(n_ * n_, 0.0) {
    for (size_t i = 0; i < n_; ++i) std::copy_n(from + i * stride, i + 1, row(i));
  }

  // Becomes L of L L^T. False where it has none.
  bool factor() {
    for (size_t i = 0; i < n_; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        double rest = row(i)[j];
        for (size_t k = 0; k < j; ++k) rest -= row(i)[k] * row(j)[k];
        if (j < i) {
          row(i)[j] = rest / row(j)[j];
        } else if (rest > 0 && std::isfinite(rest)) {
          row(i)[i] = std::sqrt(rest);
        } else {
          return false;
        }
      }
    }
    return true;
  }

  // Its inverse, lower, too.
  Triangle inverse() const {
    Triangle inverse(n_);
    for (size_t i = 0; i < n_; ++i) {
      double* own = inverse.row(i);
      for (size_t k = 0; k < i; ++k) {
        for (size_t j = 0; j <= k; ++j) own[j] -= row(i)[k] * inverse.row(k)[j];
      }
      for (size_t j = 0; j < i; ++j) own[j] /= row(i)[i];
      own[i] = 1 / row(i)[i];
    }
    return inverse;
  }

  // x becomes x L^-T for each of `rows` rows [n, stride], with this as L^-1.
  void solve_rows(float* x, size_t stride, int64_t rows) const {
    std::vector<double> columns(n_ * n_);
    for (size_t i = 0; i < n_; ++i) {
      for (size_t j = 0; j <= i; ++j) columns[j * n_ + i] = row(i)[j];
    }
    run_parts((rows + kRowsASolve - 1) / kRowsASolve, [&](int64_t part, int) {
      std::vector<double> solved(n_);
      const auto last = std::min<int64_t>(rows, (part + 1) * kRowsASolve);
      for (int64_t r = part * kRowsASolve; r < last; ++r) {
        float* own = x + static_cast<size_t>(r) * stride;
        std::fill(solved.begin(), solved.end(), 0.0);
        for (size_t j = 0; j < n_; ++j) {
          const double by = own[j], *column = columns.data() + j * n_;
          for (size_t i = j; i < n_; ++i) solved[i] += by * column[i];
        }
        std::copy(solved.begin(), solved.end(), own);
      }
    });
  }

  mx::array array() const {
    const auto n = static_cast<int>(n_);
    return mx::array(numbers_.begin(), {n, n}, mx::float32);
  }

  void copy_to(float* to, size_t stride) const {
    for (size_t i = 0; i < n_; ++i) std::copy_n(row(i), i + 1, to + i * stride);
  }

 private:
  explicit Triangle(size_t n) : n_(n), numbers_(n * n, 0.0) {}

  double* row(size_t i) { return numbers_.data() + i * n_; }
  const double* row(size_t i) const { return numbers_.data() + i * n_; }

  size_t n_;
  std::vector<double> numbers_;
};

// A square matrix whose numbers are set here and read by operations.
class Square {
 public:
  explicit Square(int n) : n_(static_cast<size_t>(n)), array_(mx::zeros({n, n}, mx::float32)) {
    array_.eval();
  }

  float* at(int row, int column) {
    return array_.data<float>() + static_cast<size_t>(row) * n_ + static_cast<size_t>(column);
  }
  size_t stride() const { return n_; }

  // A copy of rows and columns [begin, end).
  mx::array part(mx::Shape begin, mx::Shape end) const {
    return mx::contiguous(mx::slice(array_, std::move(begin), std::move(end)));
  }
  // Puts a part in its place.
  void set(int row, int column, const mx::array& part) {
    mx::array own = mx::contiguous(part);
    own.eval();
    const auto width = static_cast<size_t>(own.shape(1));
    for (int i = 0; i < own.shape(0); ++i) {
      std::copy_n(own.data<float>() + static_cast<size_t>(i) * width, width, at(row + i, column));
    }
  }

  const mx::array& array() const { return array_; }

 private:
  size_t n_;
  mx::array array_;
};

// The last rows and columns first.
mx::array reversed(const mx::array& matrix) {
  const int n = matrix.shape(0);
  return mx::contiguous(mx::slice(matrix, {n - 1, n - 1}, {-n - 1, -n - 1}, {-1, -1}));
}

}  // namespace

// Of a block of columns J, with those before it (P) done: L_JJ L_JJ^T = A_JJ - L_JP L_JP^T, and
// below it L_IJ = (A_IJ - L_IP L_JP^T) L_JJ^-T.
std::optional<mx::array> cholesky(const mx::array& matrix) {
  const int n = matrix.shape(0);
  Square lower(n);
  for (int begin = 0; begin < n; begin += kFactorBlock) {
    const int end = std::min(begin + kFactorBlock, n);
    mx::array left = mx::slice(matrix, {begin, begin}, {n, end});
    if (begin > 0) {
      const mx::array before = lower.part({begin, 0}, {n, begin});
      const mx::array own = lower.part({begin, 0}, {end, begin});
      left = mx::subtract(left, product(before, own));
    }
    left = mx::contiguous(left);
    left.eval();
    const int count = end - begin;
    Triangle diagonal(left.data<float>(), static_cast<size_t>(count), count);
    if (!diagonal.factor()) return {};
    diagonal.copy_to(lower.at(begin, begin), lower.stride());
    if (end == n) break;
    diagonal.inverse().solve_rows(left.data<float>() + count * count, static_cast<size_t>(count),
                                  n - end);
    lower.set(end, begin, mx::slice(left, {count, 0}, {n - begin, count}));
  }
  return lower.array();
}

// Of the rows J of M = L^-1: M_JJ = L_JJ^-1, and M_JP = -M_JJ L_JP M_PP. The transpose is made, so
// that `product` finds M's columns as rows.
mx::array triangular_inverse(const mx::array& lower) {
  const int n = lower.shape(0);
  Square inverse(n);  // M^T
  for (int begin = 0; begin < n; begin += kFactorBlock) {
    const int end = std::min(begin + kFactorBlock, n);
    mx::array diagonal = mx::contiguous(mx::slice(lower, {begin, begin}, {end, end}));
    diagonal.eval();
    const Triangle block(diagonal.data<float>(), static_cast<size_t>(end - begin), end - begin);
    const mx::array own = block.inverse().array();
    inverse.set(begin, begin, mx::transpose(own));
    if (begin == 0) continue;
    const mx::array before = mx::contiguous(mx::slice(lower, {begin, 0}, {end, begin}));
    const mx::array through = product(before, inverse.part({0, 0}, {begin, begin}));
    const mx::array negative = mx::negative(product(own, mx::contiguous(mx::transpose(through))));
    inverse.set(0, begin, mx::transpose(negative));
  }
  return mx::contiguous(mx::transpose(inverse.array()));
}

// With R = U^-1, upper, too, matrix = R R^T: a Cholesky factorization whose rows and columns are
// reversed. The inverse itself is not made.
std::optional<mx::array> inverse_factor(const mx::array& matrix) {
  const std::optional<mx::array> lower = cholesky(reversed(matrix));
  if (!lower) return {};
  mx::array factor = reversed(triangular_inverse(*lower));
  factor.eval();
  return factor;
}

}  // namespace graft::calibration
