#pragma once

#include <memory>
#include <optional>

#include "graft/base/files.h"
#include "graft/base/front_end.h"
#include "graft/training/events.h"

namespace graft::training {

/// Appends a JSON line to a file for every step that was skipped: the iteration, the data set's
/// file, and of the examples of its batches the line and the loss (null where it is not finite).
/// The file is made when there is something to write; at the first step, what an earlier training
/// left in it is deleted, or with `resumed_from` the lines of later iterations than that. If
/// writing fails, it is said once.
std::shared_ptr<EventSink> make_bad_batches_sink(fs::path file, std::optional<int> resumed_from,
                                                 std::shared_ptr<FrontEnd> front_end);

}  // namespace graft::training
