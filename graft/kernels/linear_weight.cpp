#include "graft/kernels/linear_weight.h"

#include <cstddef>

namespace graft::kernels {

LinearWeight rows_of(const LinearWeight& weight, int64_t begin, int64_t end) {
  LinearWeight part = weight;
  part.out = end - begin;
  const auto skip = [&](const void* data, int64_t row_bytes) {
    return static_cast<const std::byte*>(data) + begin * row_bytes;
  };
  if (!weight.quantized) {
    part.data = skip(weight.data, weight.in * static_cast<int64_t>(size_of(weight.type)));
    return part;
  }
  QuantizedMatrix& m = part.matrix;
  const int64_t group_bytes = m.columns / m.group_size * m.scale_bytes();
  m.rows = part.out;
  m.weight += begin * (m.columns * m.bits / 32);
  m.scales = skip(m.scales, group_bytes);
  if (m.biases != nullptr) m.biases = skip(m.biases, group_bytes);
  return part;
}

}  // namespace graft::kernels
