#include "graft/lora/fingerprint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace graft::lora {
namespace {

constexpr size_t kSampledBytes = 256;

// FNV-1a, 64 bits (Fowler, Noll, Vo).
class Hash {
 public:
  void add(std::string_view bytes) {
    for (char byte : bytes) {
      state_ = (state_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
    }
  }
  uint64_t value() const { return state_; }

 private:
  uint64_t state_ = 0xcbf29ce484222325u;
};

}  // namespace

std::string fingerprint(const ModelFolder& folder) {
  Hash hash;
  for (const std::string& name : folder.names()) {
    const TensorInfo& info = folder.info(name);
    hash.add(fmt::format("{} {} {}\n", name, dtype_name(info.dtype), shape_text(info.shape)));
    mx::array tensor = folder.load(name);
    hash.add({tensor.data<char>(), std::min(kSampledBytes, info.bytes)});
  }
  return fmt::format("{:016x}", hash.value());
}

}  // namespace graft::lora
