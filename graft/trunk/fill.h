#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/models/model.h"
#include "graft/trunk/cached_trunks.h"
#include "graft/trunk/layer_pages.h"
#include "graft/trunk/row_form.h"

namespace graft::trunk {

/// How layers are computed for all examples before anything else.
struct FillOptions {
  int group = 1;               // layers whose weights are in memory at a time
  int64_t batch_tokens = 512;  // computed together, or one example
};

/// Computes what layers [0, identity.layers) give for each example and puts it into the file that
/// FrozenTrunk reads: group by group of layers, over all examples, so that weights are read once
/// and are never in memory beyond a group. Between groups rows are in files of the same kind, which
/// are removed when the next group is done: a fill of the same examples that was interrupted goes
/// on there. Examples are
/// those whose batches a training makes; of a set of fewer tokens than ops::most_few_rows none are
/// kept, as none would be read. Throws Error if a file cannot be written, Cancelled.
void fill(const models::Model& model, const LayerPages& pages, const RowForm& form,
          const TrunkIdentity& identity, const fs::path& folder,
          const std::vector<std::span<const int32_t>>& examples, const FillOptions& options,
          FrontEnd& front_end);

}  // namespace graft::trunk
