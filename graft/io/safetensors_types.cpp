#include "graft/io/safetensors_types.h"

#include <array>
#include <stdexcept>
#include <utility>

namespace graft::io {
namespace {

constexpr std::array<std::pair<std::string_view, mx::Dtype>, 14> kTypes{{
    {"BOOL", mx::bool_},
    {"U8", mx::uint8},
    {"U16", mx::uint16},
    {"U32", mx::uint32},
    {"U64", mx::uint64},
    {"I8", mx::int8},
    {"I16", mx::int16},
    {"I32", mx::int32},
    {"I64", mx::int64},
    {"F16", mx::float16},
    {"BF16", mx::bfloat16},
    {"F32", mx::float32},
    {"F64", mx::float64},
    {"C64", mx::complex64},
}};

}  // namespace

std::optional<mx::Dtype> dtype_from_safetensors(std::string_view name) {
  for (const auto& [known, dtype] : kTypes) {
    if (known == name) return dtype;
  }
  return std::nullopt;
}

std::string_view safetensors_name(mx::Dtype dtype) {
  for (const auto& [name, known] : kTypes) {
    if (known.val() == dtype.val()) return name;
  }
  throw std::logic_error("safetensors has no name for this type");
}

}  // namespace graft::io
