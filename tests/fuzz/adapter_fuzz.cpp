// Reads adapter files: a zip as .npz, GGUF as .gguf, an object as PEFT's config, an object with a
// zero byte and more behind it as a config and the weights beside it, of PEFT or of mlx-lm,
// anything else as .safetensors; and their settings.
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

namespace {

void write(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void read_config(std::string_view bytes) {
  const graft::lora::PeftConfig config(graft::io::parse_ordered_json(bytes, "config"), "config");
  for (const char* module : {"model.layers.1.self_attn.q_proj", "lm_head", ""}) {
    config.targets(module);
    config.targets_parameter(module);
    config.saves(module);
    config.scale_of(module);
  }
}

void read_adapter(const std::string& path) {
  const graft::lora::AdapterFile file = graft::lora::read_adapter_file(path);
  graft::lora::rank_of(file);
  for (const auto& [name, tensor] : file.tensors) {
    size_t numbers = 1;
    for (const int n : tensor.shape) numbers *= static_cast<size_t>(n);
    if (numbers < 100000) tensor.load();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static const std::string folder = [] {
    std::string name = "/tmp/graft-fuzz-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    return name;
  }();
  std::string path = folder + (bytes.starts_with("PK")     ? "/a.npz"
                               : bytes.starts_with("GGUF") ? "/a.gguf"
                                                           : "/a.safetensors");
  const std::string config = folder + "/adapter_config.json";
  const size_t zero = bytes.find('\0');
  try {
    if (!bytes.starts_with("{")) {
      write(path, bytes);
      read_adapter(path);
    } else if (zero == std::string_view::npos) {
      read_config(bytes);
    } else {
      const bool is_peft = bytes.substr(0, zero).find("peft_type") != std::string_view::npos;
      path = folder + (is_peft ? "/adapter_model.safetensors" : "/adapters.safetensors");
      write(config, bytes.substr(0, zero));
      write(path, bytes.substr(zero + 1));
      read_adapter(path);
    }
  } catch (const graft::Error&) {
  }
  ::unlink(path.c_str());
  ::unlink(config.c_str());
  return 0;
}
