#include "graft/nn/magnitude.h"

#include "graft/ops/adapted_norms.h"

namespace graft::nn {

mx::array squared_norms(const Linear& layer) { return ops::squared_row_norms(layer.weight); }

mx::array adapted_norms(const Linear& layer) {
  const LoraAdapter& adapter = *layer.adapter;
  return ops::adapted_row_norms(layer.weight, adapter.magnitude->squares, adapter.a, adapter.b,
                                adapter.scale);
}

}  // namespace graft::nn
