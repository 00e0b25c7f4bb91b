#include "graft/ops/weight.h"

#include <mlx/ops.h>

namespace graft::ops {
namespace {

mx::array dequantize_f32(const mx::array& weight, const mx::array& scales, const mx::array& biases,
                         int group_size, int bits) {
  return mx::dequantize(weight, mx::astype(scales, mx::float32), mx::astype(biases, mx::float32),
                        group_size, bits);
}

}  // namespace

size_t Weight::nbytes() const {
  size_t bytes = 0;
  for (const mx::array& part : arrays()) bytes += part.nbytes();
  return bytes;
}

std::vector<mx::array> Weight::arrays() const {
  if (!quantized()) return {weight};
  return {weight, *scales, *biases};
}

mx::array matrix_of(const mx::array& stack, int index) {
  return mx::squeeze(mx::slice(stack, {index, 0, 0}, {index + 1, stack.shape(1), stack.shape(2)}),
                     0);
}

Weight matrix_of(const Weight& stack, int index) {
  Weight one = stack;
  one.weight = matrix_of(stack.weight, index);
  if (stack.quantized()) {
    one.scales = matrix_of(*stack.scales, index);
    one.biases = matrix_of(*stack.biases, index);
  }
  return one;
}

Weight stacked(const std::vector<Weight>& weights) {
  std::vector<std::vector<mx::array>> parts(weights.front().arrays().size());
  for (const Weight& w : weights) {
    const std::vector<mx::array> arrays = w.arrays();
    for (size_t i = 0; i < parts.size(); ++i) parts[i].push_back(arrays[i]);
  }
  Weight all = weights.front();
  all.weight = mx::stack(parts[0], 0);
  if (all.quantized()) {
    all.scales = mx::stack(parts[1], 0);
    all.biases = mx::stack(parts[2], 0);
  }
  return all;
}

mx::array dequantized(const Weight& w, mx::Dtype dtype) {
  if (!w.quantized()) return mx::astype(w.weight, dtype);
  return mx::astype(dequantize_f32(w.weight, *w.scales, *w.biases, w.group_size, w.bits), dtype);
}

}  // namespace graft::ops
