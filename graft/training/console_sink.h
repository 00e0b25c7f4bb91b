#pragma once

#include <memory>

#include "graft/training/events.h"

namespace graft::training {

/// Writes to standard output; with a live line on standard error if that is a terminal.
std::shared_ptr<EventSink> make_console_sink();

}  // namespace graft::training
