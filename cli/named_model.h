#pragma once

#include <filesystem>
#include <string>

namespace graft::cli {

/// The folder (or file) that a person means by a model: one that is there under this name, else
/// "owner/name" or "owner/name@revision" on the Hub, which is fetched into its cache.
std::filesystem::path named_model(const std::string& name);

}  // namespace graft::cli
