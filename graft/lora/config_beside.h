#pragma once

#include <optional>
#include <string>

#include "graft/base/files.h"
#include "graft/base/json_types.h"
#include "graft/lora/adapters.h"

namespace graft::lora {

/// The file that mlx-lm and PEFT read an adapter's settings from, beside its tensors.
inline constexpr const char* kAdapterConfig = "adapter_config.json";

/// Its path beside an adapter's file.
fs::path config_path(const fs::path& adapter_file);

/// What it says; nothing if there is none. Throws Error for what is no object.
std::optional<json> config_beside(const fs::path& adapter_file);

/// The settings that mlx-lm's config beside an adapter's file gives; nothing if it is not there or
/// is another program's. Throws Error for one that says something else than LoRA.
std::optional<LoraSettings> mlx_lm_settings_beside(const fs::path& adapter_file);

/// The config that is written beside an adapter. Two files cannot be replaced at once, so there is
/// none meanwhile: better than one of other weights.
class NewConfig {
 public:
  NewConfig(const fs::path& adapter_file, const ordered_json& config);

  /// Removes the one that is there, graft's own, if it says something else.
  void remove_another() const;
  void write() const;

 private:
  bool is_there_already() const;

  fs::path path_;
  std::string text_;
};

}  // namespace graft::lora
