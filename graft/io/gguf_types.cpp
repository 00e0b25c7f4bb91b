#include "graft/io/gguf_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

namespace graft::io {
namespace {

struct TensorType {
  uint32_t number;
  std::string_view name;
};

constexpr std::array<TensorType, 33> kTensorTypes{{
    {0, "F32"},     {1, "F16"},    {2, "Q4_0"},     {3, "Q4_1"},    {6, "Q5_0"},     {7, "Q5_1"},
    {8, "Q8_0"},    {9, "Q8_1"},   {10, "Q2_K"},    {11, "Q3_K"},   {12, "Q4_K"},    {13, "Q5_K"},
    {14, "Q6_K"},   {15, "Q8_K"},  {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"},
    {20, "IQ4_NL"}, {21, "IQ3_S"}, {22, "IQ2_S"},   {23, "IQ4_XS"}, {24, "I8"},      {25, "I16"},
    {26, "I32"},    {27, "I64"},   {28, "F64"},     {29, "IQ1_M"},  {30, "BF16"},    {34, "TQ1_0"},
    {35, "TQ2_0"},  {39, "MXFP4"}, {40, "NVFP4"},
}};

constexpr std::array kSupported = {
    GgufTensorType::f32,  GgufTensorType::f16,  GgufTensorType::bf16, GgufTensorType::q4_0,
    GgufTensorType::q4_1, GgufTensorType::q5_0, GgufTensorType::q5_1, GgufTensorType::q8_0,
    GgufTensorType::q4_k, GgufTensorType::q5_k, GgufTensorType::q6_k,
};

}  // namespace

bool is_supported(uint32_t tensor_type) {
  return std::find(kSupported.begin(), kSupported.end(),
                   static_cast<GgufTensorType>(tensor_type)) != kSupported.end();
}

std::string supported_gguf_types() {
  std::string text;
  for (size_t i = 0; i < kSupported.size(); ++i) {
    text += i == 0 ? "" : i + 1 < kSupported.size() ? ", " : " and ";
    text += gguf_type_name(kSupported[i]);
  }
  return text;
}

GgufBlock block_of(GgufTensorType type) {
  switch (type) {
    case GgufTensorType::f32:
      return {.elements = 1, .bytes = 4};
    case GgufTensorType::f16:
    case GgufTensorType::bf16:
      return {.elements = 1, .bytes = 2};
    case GgufTensorType::q4_0:  // f16 scale, 32 nibbles
      return {.elements = 32, .bytes = 18};
    case GgufTensorType::q4_1:  // f16 scale, f16 minimum, 32 nibbles
      return {.elements = 32, .bytes = 20};
    case GgufTensorType::q5_0:  // f16 scale, 32 upper bits, 32 nibbles
      return {.elements = 32, .bytes = 22};
    case GgufTensorType::q5_1:  // f16 scale, f16 minimum, 32 upper bits, 32 nibbles
      return {.elements = 32, .bytes = 24};
    case GgufTensorType::q8_0:  // f16 scale, 32 signed bytes
      return {.elements = 32, .bytes = 34};
    case GgufTensorType::q4_k:  // two f16, 12 bytes of scales, 256 nibbles
      return {.elements = 256, .bytes = 144};
    case GgufTensorType::q5_k:  // the same with 256 upper bits
      return {.elements = 256, .bytes = 176};
    case GgufTensorType::q6_k:  // 256 nibbles, 256 pairs of bits, 16 scales, f16
      return {.elements = 256, .bytes = 210};
  }
  throw std::logic_error("not a supported type");
}

std::string gguf_type_name(uint32_t tensor_type) {
  for (const auto& [number, name] : kTensorTypes) {
    if (number == tensor_type) return std::string(name);
  }
  return fmt::format("number {}", tensor_type);
}

size_t size_of(GgufValueType type) {
  switch (type) {
    case GgufValueType::u8:
    case GgufValueType::i8:
    case GgufValueType::boolean:
      return 1;
    case GgufValueType::u16:
    case GgufValueType::i16:
      return 2;
    case GgufValueType::u32:
    case GgufValueType::i32:
    case GgufValueType::f32:
      return 4;
    case GgufValueType::u64:
    case GgufValueType::i64:
    case GgufValueType::f64:
      return 8;
    case GgufValueType::text:
    case GgufValueType::array:
      return 0;
  }
  return 0;
}

}  // namespace graft::io
