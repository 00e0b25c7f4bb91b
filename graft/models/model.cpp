#include "graft/models/model.h"

namespace graft::models {

Context Model::context(std::vector<Sequence> sequences) const {
  std::vector<ops::RopeTable> tables = rope_tables(sequences);
  return {std::make_shared<const std::vector<Sequence>>(std::move(sequences)), std::move(tables)};
}

mx::array logits(const Model& model, const mx::array& ids, const Context& context) {
  Hidden hidden = model.embed(ids);
  for (int i = 0; i < model.num_layers(); ++i) hidden = model.layer(i, hidden, context);
  return ops::logits(model.norm(hidden), model.head());
}

}  // namespace graft::models
