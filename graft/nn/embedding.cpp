#include "graft/nn/embedding.h"

#include <mlx/ops.h>

#include "graft/ops/embedding.h"

namespace graft::nn {

mx::array Embedding::operator()(const mx::array& ids, mx::Dtype dtype,
                                const std::optional<DropoutKey>& dropout_key) const {
  const mx::array rows = ops::embedding(ids, weight, dtype);
  if (!adapter) return rows;
  // Of a the rows of these tokens alone are read, and have a gradient.
  const mx::array of_ids = ops::embedding(ids, {adapter->a, {}, {}, 0, 0}, mx::float32);
  mx::array update = mx::matmul(of_ids, adapter->b);
  if (dropout_key && adapter->dropout > 0) {
    update = dropout(update, adapter->dropout, *dropout_key, path);
  }
  update = mx::multiply(mx::array(adapter->scale), update);
  return mx::add(rows, mx::astype(update, dtype));
}

std::optional<LoraAdapter> Embedding::adapter_as_linear() const {
  if (!adapter) return {};
  return LoraAdapter{mx::transpose(adapter->b), mx::transpose(adapter->a), adapter->scale,
                     adapter->dropout};
}

}  // namespace graft::nn
