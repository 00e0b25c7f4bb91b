#pragma once

#include "cli/lora_options.h"
#include "graft/engine/runtime.h"

namespace graft::cli {

/// Trains, tests and continues a prompt, as finished options say. Returns the program's exit code.
int run_lora(const LoraOptions& options, const engine::Runtime& runtime);

}  // namespace graft::cli
