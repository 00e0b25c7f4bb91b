#pragma once

#include <string>
#include <vector>

#include "graft/data/dataset.h"
#include "graft/data/source.h"
#include "graft/data/token_keeper.h"
#include "graft/engine/loaded_model.h"

namespace graft::engine {

/// Reads, renders and tokenizes sources for a model, as data::load does; `options.vocab_size` is
/// set to the model's. Warns if records are cut or left out. Throws as data::load does.
data::Dataset load_sources(const std::vector<data::Source>& sources, const std::string& name,
                           const LoadedModel& loaded, data::RenderOptions options,
                           FrontEnd& front_end, const data::TokenCacheOptions& cache = {});

/// The same for a split ("train", "valid", "test") of a folder: `<split>.jsonl`, or the files that
/// data::choose_split finds.
data::Dataset load_split(const fs::path& folder, const std::string& split,
                         const LoadedModel& loaded, const data::RenderOptions& options,
                         FrontEnd& front_end, const data::TokenCacheOptions& cache = {});

}  // namespace graft::engine
