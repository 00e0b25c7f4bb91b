#pragma once

#include "graft/base/files.h"
#include "graft/engine/loaded_model.h"

namespace graft::engine {

/// Throws UsageError for a file that is there and not graft's, unless `force`.
void check_modelfile_target(const fs::path& target, bool force);

/// Writes a Modelfile for Ollama (docs/modelfile.md there): where the GGUF file is, how chats are
/// written, the texts that end an answer, and the settings of generation_config.json. A note says
/// what of the chat template it cannot say.
void write_modelfile(const LoadedModel& loaded, const fs::path& gguf, const fs::path& target,
                     FrontEnd& front_end);

}  // namespace graft::engine
