#pragma once

#include <memory>

#include "graft/base/front_end.h"
#include "graft/training/events.h"

namespace graft::training {

/// Writes reports to standard output, and shows steps on a front end as they happen.
std::shared_ptr<EventSink> make_console_sink(std::shared_ptr<FrontEnd> front_end);

}  // namespace graft::training
