#pragma once

#include <CLI/CLI.hpp>

#include "graft/training/trainer.h"

namespace graft::cli {

/// The options of the optimizer and of the schedule of its learning rate.
void add_optimizer_options(CLI::App& command, training::TrainOptions& o);

}  // namespace graft::cli
