#pragma once

#include <mlx/array.h>

#include <map>
#include <optional>
#include <string>

#include "graft/base/files.h"
#include "graft/lora/adapter_tensor.h"
#include "graft/lora/adapters.h"

namespace graft::lora {

namespace mx = mlx::core;

/// The key of graft's settings in the JSON text below, and of that text in a file's metadata.
inline constexpr const char* kSettingsKey = "graft_adapter";

/// The contents of an adapter file: its tensors by name, and the JSON text that graft writes with
/// them ({"graft_adapter": {...}}; empty in another program's file).
struct AdapterContents {
  std::map<std::string, AdapterTensor> tensors;
  std::string settings;
};

/// An adapter file format. To add one, define such a constant in a file of its own and list it in
/// adapter_file.cpp.
struct AdapterFormat {
  const char* extension;  // of its files' names: ".npz"
  /// Reads what tensors there are; numbers only when one is loaded. Throws Error for a file that is
  /// damaged.
  AdapterContents (*read)(const fs::path& path);
  /// Whole or not at all; the same contents give the same bytes.
  void (*write)(const fs::path& path, const AdapterContents& contents);
  /// The settings in a file beside it, if its programs have such; may be null.
  std::optional<LoraSettings> (*settings_beside)(const fs::path& path) = nullptr;
};

/// NumPy's zip of arrays, the settings in the zip's comment.
extern const AdapterFormat kNpzAdapters;
/// safetensors, the settings in its metadata.
extern const AdapterFormat kSafetensorsAdapters;

}  // namespace graft::lora
