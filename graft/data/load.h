#pragma once

#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/data/dataset.h"
#include "graft/data/source.h"
#include "graft/data/token_keeper.h"

namespace graft::data {

/// Reads the rows of a split's sources, renders and tokenizes them, on all cores. `name` is the
/// split's in messages. Shows how far it is, if that takes long. Throws Error as the readers, the
/// formats and Encoder do, for the first row that is wrong, and if no example is left; Cancelled.
///
/// With a folder for token caches, the examples of a large split are kept there as they are made,
/// and read from there, now and when they are loaded again (token_cache.h). Where that fails, they
/// are in memory, after a warning.
Dataset load(const std::vector<Source>& sources, const std::string& name, const Encoder& encoder,
             FrontEnd& front_end, const TokenCacheOptions& cache = {});

}  // namespace graft::data
