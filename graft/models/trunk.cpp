#include "graft/models/trunk.h"

#include <mlx/ops.h>

#include "graft/ops/backend.h"

namespace graft::models {

mx::array summed(const Hidden& hidden) {
  return hidden.delta ? mx::add(hidden.stream, *hidden.delta) : hidden.stream;
}

mx::array computed_stream(const Model& model, int layers, const mx::array& ids,
                          const Context& context) {
  const ops::WithoutGradient pass;
  Hidden hidden = model.embed(ids, context.dropout);
  for (int i = 0; i < layers; ++i) hidden = model.layer(i, hidden, context);
  return summed(hidden);
}

}  // namespace graft::models
