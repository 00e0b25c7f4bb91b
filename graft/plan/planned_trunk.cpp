#include "graft/plan/planned_trunk.h"

#include "graft/io/unread_array.h"

namespace graft::plan {

mx::array PlannedTrunk::stream(const mx::array& ids, const models::Context& context) const {
  const mx::array like = model_.embed(ids, context.dropout).stream;
  return io::unread_array(like.shape(), like.dtype());
}

}  // namespace graft::plan
