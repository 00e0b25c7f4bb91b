#pragma once

#include <vector>

#include "graft/base/files.h"
#include "graft/hub/cached_files.h"
#include "graft/hub/environment.h"

namespace graft::data {

/// The folder of the caches of tokens, beside the Hub's.
fs::path token_folder(const hub::Environment& environment);

/// All caches of tokens in a folder, sorted by name.
std::vector<hub::CachedFiles> cached_tokens(const fs::path& folder);

}  // namespace graft::data
