#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/hub/environment.h"

namespace graft::data {

/// The folder of the caches of tokens, beside the Hub's.
fs::path token_folder(const hub::Environment& environment);

/// A cache of tokens, as a person sees it.
struct CachedTokens {
  std::string name;  // "tokens/" and the first digits of its file's
  std::string data;  // what it is of; empty: not known, as its note is missing
  uint64_t bytes = 0;
  std::time_t last_use = 0;
  std::vector<fs::path> files = {};
};

/// All in a folder of caches, sorted by name; what processes that died have left is removed.
std::vector<CachedTokens> cached_tokens(const fs::path& folder);

/// Throws Error if it cannot be removed.
void remove_cached(const CachedTokens& tokens);

}  // namespace graft::data
