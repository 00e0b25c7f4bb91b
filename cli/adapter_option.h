#pragma once

#include <optional>
#include <string>

#include "graft/engine/loaded_model.h"

namespace graft::cli {

/// Puts an adapter on the model for `--test`, `--prompt` and the like. `file`: the path that the
/// user gave; without one, `adapters.npz` is taken, and named, if it is there; "none": the base
/// model.
void use_adapter(engine::LoadedModel& loaded, const std::optional<std::string>& file,
                 FrontEnd& front_end);

}  // namespace graft::cli
