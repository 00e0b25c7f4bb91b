#pragma once

#include <string>

#include "graft/engine/loaded_model.h"
#include "graft/gguf/export.h"
#include "graft/io/provenance.h"

namespace graft::engine {

/// Throws UsageError for a file that is there and no GGUF, unless `force`, and Error for one that
/// could not be written.
void check_gguf_target(const fs::path& target, bool force);

/// Throws Error for a model or tokenizer that llama.cpp does not have.
void check_gguf_export(LoadedModel& loaded);

/// Writes a model with the adapters that it has as a GGUF file, as gguf::export_gguf does; what it
/// says of itself is from `provenance`, and from its model card. `name`: of the model; empty: that
/// of the repository or folder it comes from.
gguf::ExportedFile export_gguf(LoadedModel& loaded, const io::Provenance& provenance,
                               const fs::path& target, const gguf::FileType* type,
                               const std::string& name, FrontEnd& front_end);

}  // namespace graft::engine
