#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/base/front_end.h"
#include "graft/gguf/file_type.h"
#include "graft/gguf/general_keys.h"
#include "graft/io/model_folder.h"
#include "graft/models/decoder.h"

namespace graft::gguf {

struct ExportOptions {
  /// What matrices become; null: what they are, F32, F16 or BF16, and of MLX's quantized ones the
  /// smallest type that holds them exactly; Q8_0 where none does, and where an adapter is fused
  /// into a quantized one.
  const FileType* type = nullptr;
  GeneralInfo info = {};
};

/// The matrices of a file that have one type.
struct ExportedType {
  io::GgufTensorType type = io::GgufTensorType::f32;
  size_t tensors = 0, bytes = 0;
  size_t exact = 0;      // tensors whose numbers are the model's
  size_t fallbacks = 0;  // tensors whose rows the type that was asked for does not divide
  double error = 0;      // of the others: root mean square, as a share of that of the weights
};

struct ExportedFile {
  size_t tensors = 0, bytes = 0;
  std::vector<ExportedType> types = {};  // of matrices, the most bytes first
};

/// Throws Error for a model or tokenizer that llama.cpp does not have, as export_gguf does, without
/// writing anything.
void check_exportable(models::Decoder& model, const io::ModelFolder& source);

/// Writes a model, with the adapters that it has, as a GGUF file for llama.cpp, whole or not at
/// all: names, order and metadata are those of llama.cpp's own converter (conversion/, October
/// 2026). Throws Error for a model or tokenizer that llama.cpp does not have, by name, before
/// anything is written, for a number that is not finite or that the type cannot hold, and
/// Cancelled.
ExportedFile export_gguf(models::Decoder& model, const io::ModelFolder& source,
                         const fs::path& target, const ExportOptions& options,
                         FrontEnd& front_end = *silent_front_end());

}  // namespace graft::gguf
