#include "graft/ops/head.h"

#include <mlx/ops.h>

namespace graft::ops {

Head head_of_rows(const Head& head, int begin, int end) {
  Head part = head;
  if (part.lora && part.lora->x) {
    const mx::array& x = *head.lora->x;
    part.lora->x = mx::slice(x, {begin, 0}, {end, x.shape(1)});
  }
  return part;
}

mx::array logits(const mx::array& h, const Head& head) {
  mx::array product = mx::astype(linear(h, {{head.weight, {}, head.lora}})[0], mx::float32);
  if (head.bias) product = mx::add(product, *head.bias);
  if (head.soft_cap <= 0) return product;
  const mx::array cap(head.soft_cap);
  return mx::multiply(cap, mx::tanh(mx::divide(product, cap)));
}

}  // namespace graft::ops
