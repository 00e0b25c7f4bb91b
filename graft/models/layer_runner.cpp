#include "graft/models/layer_runner.h"

#include <optional>

#include "graft/ops/backend.h"

namespace graft::models {

mx::array LayerRunner::hidden(const mx::array& ids, const Context& context) const {
  Hidden hidden = trunk_ == nullptr ? model_.embed(ids, context.dropout)
                                    : Hidden{trunk_->stream(ids, context), {}};
  const int first = trunk_ == nullptr ? 0 : trunk_->layers();
  for (int i = first; i < model_.num_layers(); ++i) {
    std::optional<ops::WithoutGradient> pass;
    if (i < frozen_) pass.emplace();
    hidden = layer(i, hidden, context);
  }
  return model_.norm(hidden);
}

Hidden LayerRunner::layer(int index, const Hidden& hidden, const Context& context) const {
  return model_.layer(index, hidden, context);
}

}  // namespace graft::models
