#pragma once

#include <string>

#include "graft/base/files.h"
#include "graft/engine/runtime.h"
#include "graft/io/provenance.h"

namespace graft::engine {

/// The folder (or file) that a person means by a model: one that is there under this name, else
/// "owner/name" or "owner/name@revision" on the Hub, which is fetched into its cache. Throws Error,
/// Cancelled.
fs::path named_model(const Runtime& runtime, const std::string& name);

/// Where a model comes from: a snapshot of the Hub's cache is its repository's, another folder says
/// it in its graft.json, or does not know.
io::Provenance provenance_of(const fs::path& model);

}  // namespace graft::engine
