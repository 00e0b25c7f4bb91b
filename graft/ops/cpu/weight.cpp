#include "graft/ops/cpu/weight.h"

#include "graft/base/error.h"

namespace graft::ops::cpu {

kernels::LinearWeight describe(const Weight& w) {
  kernels::LinearWeight description{w.out(),       w.in(), nullptr, kernels::ScalarType::f32,
                                    w.quantized(), {}};
  if (!w.quantized()) {
    description.type = scalar_type(w.weight.dtype());
    return description;
  }
  if (w.biases && w.biases->dtype() != w.scales->dtype()) {
    fail("a quantized weight has scales and biases of different dtypes");
  }
  description.matrix = {
      .weight = nullptr,
      .scales = nullptr,
      .biases = nullptr,
      .scale_type = w.biases ? scalar_type(w.scales->dtype()) : kernels::ScalarType::f32,
      .rows = w.out(),
      .columns = w.in(),
      .bits = w.bits,
      .group_size = w.group_size,
      .mode = w.mode};
  return description;
}

kernels::LinearWeight bind(kernels::LinearWeight w, const std::vector<Input>& inputs, int at) {
  auto first = static_cast<size_t>(at);
  if (!w.quantized) {
    w.data = inputs[first].data;
  } else {
    w.matrix.weight = static_cast<const uint32_t*>(inputs[first].data);
    w.matrix.scales = inputs[first + 1].data;
    if (has_biases(w.matrix.mode)) w.matrix.biases = inputs[first + 2].data;
  }
  return w;
}

}  // namespace graft::ops::cpu
