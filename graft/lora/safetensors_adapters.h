#pragma once

#include <map>
#include <string>

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// What a safetensors file holds: its tensors by their names there, and graft's metadata (empty in
/// another program's file).
struct SafetensorsContents {
  std::map<std::string, AdapterTensor> tensors;
  std::string metadata;
};

/// Throws Error for a file that is missing or damaged.
SafetensorsContents read_safetensors_adapter(const fs::path& path);

/// Writes tensors with graft's metadata; `format` is what safetensors' metadata says of the
/// framework: "mlx", "pt".
void write_safetensors_adapter(const fs::path& path,
                               const std::map<std::string, AdapterTensor>& tensors,
                               const std::string& metadata, const char* format);

}  // namespace graft::lora
