#pragma once

#include <optional>
#include <string>

#include "graft/engine/loaded_model.h"

namespace graft::cli {

/// Attaches an adapter to the model for `--test`, `--prompt` and the like. `file`: the path that
/// the user gave, or "none" for the base model; without one, `adapters.npz` is used if it exists,
/// and a note names it.
void use_adapter(engine::LoadedModel& loaded, const std::optional<std::string>& file,
                 FrontEnd& front_end);

}  // namespace graft::cli
