#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "graft/base/front_end.h"
#include "graft/report/run_folder.h"
#include "graft/training/events.h"

namespace graft::report {

/// Writes an event file into the run's folder `tensorboard`, for `tensorboard --logdir`:
/// train/loss, train/learning_rate, train/grad_norm, train/tokens_per_second and train/memory
/// (bytes) for every report, validation/loss for every validation. Every start makes another file;
/// of those before, TensorBoard then shows nothing (without `resumed_from`), or only the steps up
/// to that. What cannot be written is said once, and the training goes on.
std::shared_ptr<training::EventSink> make_tensorboard_sink(RunFolder folder,
                                                           std::optional<int64_t> resumed_from,
                                                           std::shared_ptr<FrontEnd> front_end);

}  // namespace graft::report
