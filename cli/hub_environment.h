#pragma once

#include "graft/hub/environment.h"

namespace graft::cli {

/// The Hub as the variables say; read once, so that a warning comes once.
const hub::Environment& hub_environment();

}  // namespace graft::cli
