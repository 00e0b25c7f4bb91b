#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace graft::io {

/// Types of tensors, by their number in the file (ggml.h).
enum class GgufTensorType : uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  bf16 = 30,
};

/// Types of metadata values, by their number in the file.
enum class GgufValueType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  text = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

/// A row is stored in blocks, each of `elements` numbers in `bytes` bytes.
struct GgufBlock {
  size_t elements = 1;
  size_t bytes = 0;
};

/// Whether we read tensors of this type, given by its number.
bool is_supported(uint32_t tensor_type);

/// "F32, F16, ... and Q8_0".
std::string supported_gguf_types();

/// The block of a supported type.
GgufBlock block_of(GgufTensorType type);

/// "Q4_K"; also for unsupported types, if they have a name.
std::string gguf_type_name(uint32_t tensor_type);
inline std::string gguf_type_name(GgufTensorType type) {
  return gguf_type_name(static_cast<uint32_t>(type));
}

/// Bytes of a value that has a fixed size; 0 for texts, arrays and unknown types.
size_t size_of(GgufValueType type);

}  // namespace graft::io
