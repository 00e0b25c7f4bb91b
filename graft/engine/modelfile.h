#pragma once

#include <string>

#include "graft/base/files.h"
#include "graft/engine/loaded_model.h"

namespace graft::engine {

/// Throws UsageError for a file that is there and not graft's, unless `force`, and for the path of
/// the GGUF file itself.
void check_modelfile_target(const fs::path& target, const fs::path& gguf, bool force);

/// A Modelfile for Ollama (docs/modelfile.md there): where the GGUF file is, how chats are written,
/// the texts that end an answer, and the settings of generation_config.json. `target` is where it
/// will be. A note says what of these it cannot say.
std::string modelfile_text(const LoadedModel& loaded, const fs::path& gguf, const fs::path& target,
                           FrontEnd& front_end);

}  // namespace graft::engine
