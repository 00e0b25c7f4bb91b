// Reads adapter files: a zip as .npz, anything else as .safetensors; and their settings.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "graft/base/error.h"
#include "graft/lora/adapter_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static const std::string folder = [] {
    std::string name = "/tmp/graft-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    return name;
  }();
  const std::string path = folder + (bytes.starts_with("PK") ? "/a.npz" : "/a.safetensors");
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(size));
  try {
    const graft::lora::AdapterFile file = graft::lora::read_adapter_file(path);
    graft::lora::rank_of(file);
    for (const auto& [name, tensor] : file.tensors) {
      size_t numbers = 1;
      for (const int n : tensor.shape) numbers *= static_cast<size_t>(n);
      if (numbers < 100000) tensor.load();
    }
  } catch (const graft::Error&) {
  }
  ::unlink(path.c_str());
  return 0;
}
