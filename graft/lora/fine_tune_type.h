#pragma once

#include <string>

namespace graft::lora {

/// What a fine-tuning trains: low-rank updates, these with the norms of the rows (DoRA), or weights
/// as they are.
enum class FineTuneType { lora, dora, full };

/// "lora", "dora" or "full", as mlx-lm calls them.
std::string name_of(FineTuneType type);

/// The inverse. Throws UsageError, which names the choices, for another name.
FineTuneType fine_tune_type(const std::string& name);

}  // namespace graft::lora
