#include "graft/data/cached_tokens.h"

namespace graft::data {

fs::path token_folder(const hub::Environment& environment) { return environment.notes / "tokens"; }

std::vector<hub::CachedFiles> cached_tokens(const fs::path& folder) {
  return hub::cached_files(folder, {"tokens", ".tokens", "data"});
}

}  // namespace graft::data
