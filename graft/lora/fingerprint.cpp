#include "graft/lora/fingerprint.h"

#include <fmt/format.h>
#include <mlx/array.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "graft/base/hash.h"

namespace graft::lora {
namespace {

constexpr size_t kSampledBytes = 256;

}  // namespace

std::string fingerprint(const io::ModelFolder& folder) {
  uint64_t hash = kFnv1aStart;
  for (const std::string& name : folder.names()) {
    const io::TensorInfo& info = folder.info(name);
    hash = fnv1a(
        fmt::format("{} {} {}\n", name, io::dtype_name(info.dtype), io::shape_text(info.shape)),
        hash);
    const mlx::core::array tensor = folder.load(name);
    hash = fnv1a({tensor.data<char>(), std::min(kSampledBytes, info.bytes)}, hash);
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace graft::lora
