#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/lora/adapters.h"

namespace graft::lora {

/// The name that mlx-lm has for adapter files, and for the file beside one that it reads its
/// settings from (mlx_lm/tuner/utils.py, load_adapters).
inline constexpr const char* kMlxLmAdapter = "adapters.safetensors";
inline constexpr const char* kAdapterConfig = "adapter_config.json";

/// The settings that mlx-lm's adapter_config.json beside an adapter file gives; nothing if there is
/// none. Throws Error for one that says something else than LoRA, and for PEFT's.
std::optional<LoraSettings> mlx_lm_settings(const fs::path& adapter_file);

/// The key of a linear layer as mlx-lm has it, from "model.layers.3.self_attn.q_proj": what stands
/// behind the layer's number, or else the whole path.
std::string key_of(const std::string& path);

/// Whether mlx-lm would read adapter_config.json for this file: it has that name alone.
bool is_mlx_lm_adapter(const fs::path& adapter_file);

/// Throws UsageError if the adapter_config.json beside the file is another program's: it would be
/// replaced.
void check_mlx_lm_config(const fs::path& adapter_file);

/// The config of an adapter that is written, of tensors of these names. Two files cannot be
/// replaced at once, so there is none meanwhile: better than one of other weights.
class MlxLmConfig {
 public:
  MlxLmConfig(const fs::path& adapter_file, const LoraSettings& settings,
              const std::vector<std::string>& tensors);

  /// Removes the one that is there, graft's own, if it says something else.
  void remove_another() const;
  void write() const;

 private:
  bool is_there_already() const;

  fs::path path_;
  std::string text_;
};

}  // namespace graft::lora
