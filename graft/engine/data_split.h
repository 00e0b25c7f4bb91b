#pragma once

#include <string>

#include "graft/data/dataset.h"
#include "graft/engine/loaded_model.h"

namespace graft::engine {

/// Loads a split of a data set for a model, as data::load_dataset does (`options.vocab_size` is set
/// to the model's). Warns if examples are cut or left out. Throws as load_dataset does.
data::Dataset load_split(const fs::path& folder, const std::string& split,
                         const LoadedModel& loaded, data::RenderOptions options,
                         FrontEnd& front_end);

}  // namespace graft::engine
