#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/lora/adapters.h"

namespace graft::lora {

/// The file that mlx-lm reads an adapter's settings from, beside its `adapters.safetensors`
/// (mlx_lm/tuner/utils.py, load_adapters).
inline constexpr const char* kAdapterConfig = "adapter_config.json";

/// The settings that mlx-lm's adapter_config.json beside an adapter file gives; nothing if there is
/// none. Throws Error for one that says something else than LoRA, and for PEFT's.
std::optional<LoraSettings> mlx_lm_settings(const fs::path& adapter_file);

/// Whether mlx-lm would read adapter_config.json for this file: it has that name alone.
bool is_mlx_lm_adapter(const fs::path& adapter_file);

/// Throws UsageError if the adapter_config.json beside the file is another program's: it would be
/// replaced.
void check_mlx_lm_config(const fs::path& adapter_file);

/// Writes it, for an adapter of tensors of these names.
void write_mlx_lm_config(const fs::path& adapter_file, const LoraSettings& settings,
                         const std::vector<std::string>& tensors);

}  // namespace graft::lora
