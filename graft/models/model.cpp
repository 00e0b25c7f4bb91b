#include "graft/models/model.h"

#include "graft/models/layer_runner.h"

namespace graft::models {

Context Model::context(std::vector<Sequence> sequences) const {
  std::vector<ops::RopeTable> tables = rope_tables(sequences);
  return {std::make_shared<const std::vector<Sequence>>(std::move(sequences)), std::move(tables)};
}

mx::array logits(const Model& model, const mx::array& ids, const Context& context) {
  const mx::array h = LayerRunner(model).hidden(ids, context);
  return ops::logits(h, model.head(h, context.dropout));
}

}  // namespace graft::models
