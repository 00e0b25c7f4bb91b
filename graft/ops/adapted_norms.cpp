#include "graft/ops/adapted_norms.h"

#include <mlx/ops.h>

#include <limits>

#include "graft/ops/linear.h"

namespace graft::ops {

mx::array squared_row_norms(const Weight& weight) {
  return mx::sum(mx::square(dequantized(weight, mx::float32)), 1);
}

mx::array adapted_row_norms(const Weight& weight, const mx::array& squares, const mx::array& a,
                            const mx::array& b, float scale) {
  const mx::array s(scale), zero(0.0f);
  const mx::array at = mx::transpose(a);                   // [R, in]
  const mx::array wa = linear(at, {{weight, {}, {}}})[0];  // [R, out]
  const mx::array aab = mx::matmul(mx::matmul(at, a), b);
  const mx::array added =
      mx::add(mx::multiply(mx::array(2 * scale), wa), mx::multiply(mx::square(s), aab));
  const mx::array sum = mx::add(squares, mx::sum(mx::multiply(b, added), 0));
  const mx::array least = mx::multiply(squares, mx::array(1e-6f));
  const mx::array norms = mx::maximum(sum, least);
  const mx::array infinity(std::numeric_limits<float>::infinity());
  return mx::where(mx::greater(norms, zero), mx::sqrt(norms), infinity);
}

}  // namespace graft::ops
