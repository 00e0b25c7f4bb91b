#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "graft/base/front_end.h"
#include "graft/report/run_folder.h"
#include "graft/training/events.h"

namespace graft::report {

/// Appends a line to the run's metrics.jsonl for every report and every validation, and makes the
/// folder. It begins at the first step or validation, when the training holds its adapter's lock:
/// without `resumed_from` it empties the file then, else it drops the lines of later steps than
/// that. What cannot be written is said once, and the training goes on.
std::shared_ptr<training::EventSink> make_metrics_sink(RunFolder folder,
                                                       std::optional<int64_t> resumed_from,
                                                       std::shared_ptr<FrontEnd> front_end);

}  // namespace graft::report
