#pragma once

#include <memory>

#include "graft/base/front_end.h"
#include "graft/training/events.h"

namespace graft::training {

/// Writes what is reported to standard output, and shows steps as they come on a front end.
std::shared_ptr<EventSink> make_console_sink(std::shared_ptr<FrontEnd> front_end);

}  // namespace graft::training
