#pragma once

#include <string>
#include <string_view>

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// A layout of adapters, by the name of its file. To add one, define such a constant in a file of
/// its own and list it in adapter_path.cpp.
struct AdapterFormat {
  std::string_view name;       // "peft"
  std::string_view file_name;  // in a folder: "adapter_model.safetensors"
  std::string_view extension;  // of files with another name, if they may have one: ".npz"
  /// Fills `file` from what lies at its path: tensors by graft's names, whose numbers are read only
  /// when one is loaded. Throws Error for what is damaged or not supported.
  void (*read)(AdapterFile& file);
  /// Whole or not at all; the same contents give the same bytes. Throws Error for what it cannot
  /// hold.
  void (*write)(const AdapterFile& file);
  bool has_config = false;  // adapter_config.json beside the file
  // Kinds of training whose result it can hold.
  bool holds_dora = true, holds_weights = true, holds_weights_beside_adapters = true;
  bool is_exact = false;  // every layer's numbers, rank and scale are kept as they are
  // How its readers take an adapter of the embedding: as EmbeddingUpdate::as_model; with one of the
  // head beside it where that is the same matrix; or not at all in such models.
  enum class Embedding { as_model, with_head, untied } embedding = Embedding::as_model;
  /// Throws UsageError if what is written at this path would replace another program's settings.
  void (*check)(const fs::path& path) = nullptr;
  /// What of an adapter's weights it cannot hold, by name; empty if it holds them all.
  std::string (*refuses)(const AdapterFile& file) = nullptr;
  /// Throws Error for what it has no room for; loads no tensor.
  void (*check_room)(const AdapterFile& file) = nullptr;
};

/// NumPy's zip of arrays as the Python example has it, graft's metadata in the zip's comment.
extern const AdapterFormat kNpzAdapters;
/// The same tensors in safetensors, graft's metadata in its own.
extern const AdapterFormat kSafetensorsAdapters;
/// mlx-lm's folder: the same with adapter_config.json beside it (mlx_lm/tuner/utils.py).
extern const AdapterFormat kMlxLmAdapters;
/// PEFT's folder: other names and shapes, and a config of its own (peft/tuners/lora/config.py).
extern const AdapterFormat kPeftAdapters;
/// llama.cpp's file: GGUF's names and order of rows (src/llama-adapter.cpp).
extern const AdapterFormat kGgufAdapters;

}  // namespace graft::lora
