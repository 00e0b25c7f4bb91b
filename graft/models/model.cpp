#include "graft/models/model.h"

#include <mlx/ops.h>

#include "graft/ops/linear.h"

namespace graft::models {

Context Model::context(std::vector<Sequence> sequences) const {
  ops::RopeTable table = rope_table(sequences);
  return {std::make_shared<const std::vector<Sequence>>(std::move(sequences)), table, nullptr,
          false};
}

mx::array logits(const Model& model, const mx::array& ids, const Context& context) {
  Hidden hidden = model.embed(ids);
  for (int i = 0; i < model.num_layers(); ++i) hidden = model.layer(i, hidden, context);
  return mx::astype(ops::linear(model.norm(hidden), {{model.head(), {}, {}}})[0], mx::float32);
}

}  // namespace graft::models
