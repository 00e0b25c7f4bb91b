#include "graft/ops/weight.h"

#include <mlx/ops.h>

namespace graft::ops {
size_t Weight::nbytes() const {
  size_t bytes = 0;
  for (const mx::array& part : arrays()) bytes += part.nbytes();
  return bytes;
}

std::vector<mx::array> Weight::arrays() const {
  if (!quantized()) return {weight};
  std::vector<mx::array> all = {weight, *scales};
  if (biases) all.push_back(*biases);
  return all;
}

mx::array matrix_of(const mx::array& stack, int index) {
  return mx::squeeze(mx::slice(stack, {index, 0, 0}, {index + 1, stack.shape(1), stack.shape(2)}),
                     0);
}

Weight matrix_of(const Weight& stack, int index) {
  Weight one = stack;
  one.weight = matrix_of(stack.weight, index);
  if (stack.scales) one.scales = matrix_of(*stack.scales, index);
  if (stack.biases) one.biases = matrix_of(*stack.biases, index);
  return one;
}

mx::array rows_of(const mx::array& array, int begin, int end) {
  mx::Shape from(array.ndim(), 0), to = array.shape();
  from[0] = begin;
  to[0] = end;
  return mx::slice(array, from, to);
}

Weight rows_of(const Weight& weight, int begin, int end) {
  Weight rows = weight;
  rows.weight = rows_of(weight.weight, begin, end);
  if (weight.scales) rows.scales = rows_of(*weight.scales, begin, end);
  if (weight.biases) rows.biases = rows_of(*weight.biases, begin, end);
  return rows;
}

Weight stacked(const std::vector<Weight>& weights) {
  std::vector<std::vector<mx::array>> parts(weights.front().arrays().size());
  for (const Weight& w : weights) {
    const std::vector<mx::array> arrays = w.arrays();
    for (size_t i = 0; i < parts.size(); ++i) parts[i].push_back(arrays[i]);
  }
  Weight all = weights.front();
  all.weight = mx::stack(parts[0], 0);
  if (all.scales) all.scales = mx::stack(parts[1], 0);
  if (all.biases) all.biases = mx::stack(parts[2], 0);
  return all;
}

mx::array dequantized(const Weight& w, mx::Dtype dtype) {
  if (!w.quantized()) return mx::astype(w.weight, dtype);
  const Scaling s = scaling_in(w, mx::float32);
  return mx::astype(
      mx::dequantize(w.weight, s.scales, s.biases, w.group_size, w.bits, s.mode, {}, mx::float32),
      dtype);
}

Weight quantized_as(const mx::array& dense, QuantizationMode mode, int bits, int group_size) {
  const auto parts = mx::quantize(dense, group_size, bits, std::string(name_of(mode)));
  Weight w{parts[0], parts[1], {}, bits, group_size, mode};
  if (has_biases(mode)) w.biases = parts[2];
  return w;
}

Weight quantized_as(const mx::array& dense, QuantizationMode mode, int bits, int group_size,
                    mx::Dtype scales) {
  return quantized_as(has_biases(mode) ? mx::astype(dense, scales) : dense, mode, bits, group_size);
}

Scaling scaling_in(const Weight& w, mx::Dtype dtype) {
  const std::string mode(name_of(w.mode));
  if (!has_biases(w.mode)) return {*w.scales, {}, mode};
  return {mx::astype(*w.scales, dtype), mx::astype(*w.biases, dtype), mode};
}

}  // namespace graft::ops
