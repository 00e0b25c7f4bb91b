#include "graft/io/tensor_info.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdint>
#include <utility>

namespace graft::io {
namespace {

constexpr std::array<std::pair<mx::Dtype::Val, std::string_view>, 14> kNames{{
    {mx::Dtype::Val::bool_, "bool"},
    {mx::Dtype::Val::uint8, "uint8"},
    {mx::Dtype::Val::uint16, "uint16"},
    {mx::Dtype::Val::uint32, "uint32"},
    {mx::Dtype::Val::uint64, "uint64"},
    {mx::Dtype::Val::int8, "int8"},
    {mx::Dtype::Val::int16, "int16"},
    {mx::Dtype::Val::int32, "int32"},
    {mx::Dtype::Val::int64, "int64"},
    {mx::Dtype::Val::float16, "float16"},
    {mx::Dtype::Val::float32, "float32"},
    {mx::Dtype::Val::float64, "float64"},
    {mx::Dtype::Val::bfloat16, "bfloat16"},
    {mx::Dtype::Val::complex64, "complex64"},
}};

}  // namespace

std::optional<size_t> checked_bytes(const mx::Shape& shape, mx::Dtype dtype) {
  bool empty = false;
  size_t bytes = dtype.size();
  for (mx::ShapeElem dimension : shape) {
    if (dimension < 0) return std::nullopt;
    empty = empty || dimension == 0;
    if (dimension == 0) continue;
    if (__builtin_mul_overflow(bytes, static_cast<size_t>(dimension), &bytes) ||
        bytes > static_cast<size_t>(INT64_MAX)) {
      return std::nullopt;
    }
  }
  return empty ? 0 : bytes;
}

std::string_view dtype_name(mx::Dtype dtype) {
  for (const auto& [value, name] : kNames) {
    if (value == dtype.val()) return name;
  }
  return "unknown";
}

std::optional<mx::Dtype> dtype_from_name(std::string_view name) {
  if (name == "float16") return mx::float16;
  if (name == "bfloat16") return mx::bfloat16;
  if (name == "float32") return mx::float32;
  return std::nullopt;
}

std::string shape_text(const mx::Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", "));
}

}  // namespace graft::io
