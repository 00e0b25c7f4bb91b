#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/io/gguf_types.h"

namespace graft::gguf {

/// What a file's matrices are stored as: one type, or a mix of two of the K types, which gives more
/// bits to the layers that need them most (llama-quant.cpp).
struct FileType {
  std::string_view name;      // "q4_k_m"
  io::GgufTensorType matrix;  // of most matrices
  uint32_t number;            // of `general.file_type` (llama.h, llama_ftype)
  bool mixed = false;
};

/// The names that `file_type` takes.
std::vector<std::string> file_type_names();
/// Null for a name that is none.
const FileType* file_type(std::string_view name);
/// The file type whose matrices are of this type.
const FileType& file_type_of(io::GgufTensorType matrix);

/// A matrix of the model, as far as it decides its type.
struct MatrixPlace {
  std::string name;      // in the file: "blk.3.attn_v.weight"
  int layer = -1;        // -1: outside of the layers
  int width = 0;         // elements of a row
  bool is_head = false;  // also an embedding that is the head, too
};

/// What of the model decides it, too.
struct MixModel {
  std::string_view architecture;
  int layers = 0, experts = 0;
  bool grouped_queries = false;  // fewer heads of keys than of queries
};

/// The type that llama.cpp's quantizer gives to a matrix (`llama_tensor_get_type`).
io::GgufTensorType mixed_type(const FileType& type, const MatrixPlace& place,
                              const MixModel& model);

/// The type for rows of `width` elements in place of one whose blocks do not divide them, as
/// llama.cpp has it: Q4_K becomes Q5_0, Q5_K Q5_1, Q6_K Q8_0; where 32 does not divide them, F16.
io::GgufTensorType fitting_type(io::GgufTensorType type, int width);

}  // namespace graft::gguf
