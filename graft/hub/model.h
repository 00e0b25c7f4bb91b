#pragma once

#include <filesystem>
#include <string>

#include "graft/hub/environment.h"
#include "graft/hub/repository.h"

namespace graft::hub {

/// The folder in the cache that holds a repository's model: its JSON files, tokenizer, card and
/// safetensors, and no other files. Missing files are downloaded; without a connection the cached
/// ones are used if they are complete. Throws Error that says what to do.
fs::path fetch_model(const Environment& environment, const Repository& repository);

/// The same without the weights: config, tokenizer and card. Where the weights are in the cache,
/// they are in the folder, too.
fs::path fetch_model_config(const Environment& environment, const Repository& repository);

}  // namespace graft::hub
