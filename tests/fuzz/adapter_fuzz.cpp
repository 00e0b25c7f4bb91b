// Reads adapter files: a zip as .npz, GGUF as .gguf, an object as PEFT's config, anything else as
// .safetensors; and their settings.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/peft_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static const std::string folder = [] {
    std::string name = "/tmp/graft-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    return name;
  }();
  if (bytes.starts_with("{")) {
    try {
      const graft::lora::PeftConfig config(graft::io::parse_ordered_json(bytes, "config"),
                                           "config");
      for (const char* module : {"model.layers.1.self_attn.q_proj", "lm_head", ""}) {
        config.targets(module);
        config.targets_parameter(module);
        config.scale_of(module);
      }
    } catch (const graft::Error&) {
    }
    return 0;
  }
  const std::string path = folder + (bytes.starts_with("PK")     ? "/a.npz"
                                     : bytes.starts_with("GGUF") ? "/a.gguf"
                                                                 : "/a.safetensors");
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
