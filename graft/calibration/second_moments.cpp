#include "graft/calibration/second_moments.h"

#include <mlx/ops.h>

#include "graft/calibration/products.h"

namespace graft::calibration {

SecondMoments::SecondMoments(int in) : sum_(mx::zeros({in, in}, mx::float32)) {}

void SecondMoments::add(const mx::array& rows) {
  const mx::array columns = mx::contiguous(mx::transpose(mx::astype(rows, mx::float32)));
  sum_ = mx::add(sum_, product(columns, columns));
  sum_.eval();  // no graph of all that was added
  rows_ += rows.shape(0);
}

mx::array SecondMoments::mean() const {
  return mx::divide(sum_, mx::array(static_cast<float>(rows_ > 0 ? rows_ : 1)));
}

mx::array with_lookups(const mx::array& moments) {
  constexpr float kLookups = 0.1f;
  const mx::array each = mx::multiply(mx::array(kLookups), mx::mean(mx::diagonal(moments)));
  return mx::add(moments, mx::multiply(each, mx::eye(moments.shape(0))));
}

mx::array output_errors(const mx::array& change, const mx::array& moments) {
  return mx::sum(mx::multiply(product(change, moments), change), 1);
}

}  // namespace graft::calibration
