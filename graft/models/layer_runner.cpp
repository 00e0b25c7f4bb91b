#include "graft/models/layer_runner.h"

namespace graft::models {

mx::array LayerRunner::hidden(const mx::array& ids, const Context& context) const {
  Hidden hidden = model_.embed(ids, context.dropout);
  for (int i = 0; i < model_.num_layers(); ++i) hidden = layer(i, hidden, context);
  return model_.norm(hidden);
}

Hidden LayerRunner::layer(int index, const Hidden& hidden, const Context& context) const {
  return model_.layer(index, hidden, context);
}

}  // namespace graft::models
