#pragma once

#include <string>

#include "graft/base/files.h"
#include "graft/engine/runtime.h"
#include "graft/io/provenance.h"

namespace graft::engine {

/// Resolves a model's name to a folder (or file): an existing one, else "owner/name" or
/// "owner/name@revision" on the Hub, which is fetched into its cache. Throws Error, Cancelled.
fs::path named_model(const Runtime& runtime, const std::string& name);

/// The same for who needs config and tokenizer: on the Hub, nothing else is fetched.
fs::path named_config(const Runtime& runtime, const std::string& name);

/// Whether an adapter's name is that of a file or folder of this machine: one that is there, or
/// would be, by its name.
bool is_adapter_here(const std::string& name);

/// The same for an adapter: an existing file or folder, or one of the Hub, of which only the
/// adapter's own files are fetched. What has the name of an adapter's file is one. Where a
/// repository holds several, or one by another name, "owner/name?file=NAME" says which.
fs::path named_adapter_path(const Runtime& runtime, const std::string& name);

/// Where a model comes from: for a snapshot in the Hub's cache, its repository; for another folder,
/// what its graft.json says, if it has one.
io::Provenance provenance_of(const fs::path& model);

}  // namespace graft::engine
