#pragma once

#include <string>

#include "graft/data/dataset.h"
#include "graft/engine/loaded_model.h"

namespace graft::engine {

/// A split of a data set for a model, as data::load_dataset reads it (`options.vocab_size` is the
/// model's). Warns of examples that are cut or left out. Throws as load_dataset does.
data::Dataset load_split(const fs::path& folder, const std::string& split,
                         const LoadedModel& loaded, data::RenderOptions options,
                         FrontEnd& front_end);

}  // namespace graft::engine
