#include "graft/ops/head.h"

#include <mlx/ops.h>

#include "graft/ops/linear.h"

namespace graft::ops {

mx::array logits(const mx::array& h, const Head& head) {
  mx::array product = mx::astype(linear(h, {{head.weight, {}, {}}})[0], mx::float32);
  if (head.bias) product = mx::add(product, *head.bias);
  if (head.soft_cap <= 0) return product;
  const mx::array cap(head.soft_cap);
  return mx::multiply(cap, mx::tanh(mx::divide(product, cap)));
}

}  // namespace graft::ops
