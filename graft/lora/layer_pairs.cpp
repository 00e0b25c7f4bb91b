#include "graft/lora/layer_pairs.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/lora/peft_names.h"

namespace graft::lora {

std::map<std::string, LayerPair> layer_pairs(const AdapterFile& file) {
  std::map<std::string, LayerPair> result;
  for (const auto& [name, tensor] : file.tensors) {
    const size_t dot = name.rfind('.');
    const std::string last = dot == std::string::npos ? name : name.substr(dot + 1);
    if (name.starts_with("base_model.model.")) {
      fail(
          "{} holds an adapter of PEFT (with {}): PEFT's are adapter_model.safetensors, with "
          "adapter_config.json beside it",
          file.path.string(), name);
    }
    if (last != "lora_a" && last != "lora_b") {
      fail("{}: {} is no part of a LoRA adapter (names end in .lora_a or .lora_b)",
           file.path.string(), name);
    }
    LayerPair& pair = result[name.substr(0, dot)];
    (last == "lora_a" ? pair.a : pair.b) = &tensor;
  }
  for (const auto& [path, pair] : result) {
    if (pair.a == nullptr || pair.b == nullptr) {
      fail("{}: {}.{} is missing", file.path.string(), path,
           pair.a == nullptr ? "lora_a" : "lora_b");
    }
  }
  return result;
}

AdapterFile with_mixtral_names(const AdapterFile& file) {
  AdapterFile renamed = file;
  renamed.tensors.clear();
  renamed.scales.clear();
  const auto name = [](const std::string& layer) { return mixtral_path(layer).value_or(layer); };
  for (const auto& [tensor, values] : file.tensors) {
    const size_t dot = tensor.rfind('.');
    renamed.tensors.insert({name(tensor.substr(0, dot)) + tensor.substr(dot), values});
  }
  for (const auto& [layer, scale] : file.scales) renamed.scales[name(layer)] = scale;
  return renamed;
}

bool has_mixtral_names(const AdapterFile& file) {
  return std::any_of(file.tensors.begin(), file.tensors.end(), [](const auto& tensor) {
    return tensor.first.find(".block_sparse_moe.") != std::string::npos;
  });
}

}  // namespace graft::lora
