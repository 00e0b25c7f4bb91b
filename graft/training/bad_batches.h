#pragma once

#include <memory>

#include "graft/base/files.h"
#include "graft/base/front_end.h"
#include "graft/training/events.h"

namespace graft::training {

/// Appends a JSON line to a file for every step that was skipped: the iteration, the data set's
/// file, and of the examples of its batches the line and the loss (null where it is not finite).
/// The file is made when there is something to write. If that fails, it is said once.
std::shared_ptr<EventSink> make_bad_batches_sink(fs::path file,
                                                 std::shared_ptr<FrontEnd> front_end);

}  // namespace graft::training
