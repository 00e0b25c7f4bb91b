#include "graft/lora/layer_pairs.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/io/tensor_info.h"
#include "graft/lora/embedding_adapter.h"
#include "graft/lora/peft_names.h"

namespace graft::lora {

namespace {

bool is_pair(const mx::Shape& a, const mx::Shape& b) {
  if (a.size() != b.size() || (a.size() != 2 && a.size() != 3)) return false;
  const auto positive = [](const mx::Shape& shape) {
    return std::all_of(shape.begin(), shape.end(), [](int size) { return size > 0; });
  };
  if (!positive(a) || !positive(b)) return false;
  return a.size() == 2 ? a[1] == b[0] : a[0] == b[0] && a[1] == b[2];
}

}  // namespace

std::map<std::string, LayerPair> layer_pairs(const AdapterFile& file) {
  std::map<std::string, LayerPair> result;
  for (const auto& [name, tensor] : file.tensors) {
    const size_t dot = name.rfind('.');
    const std::string last = dot == std::string::npos || dot == 0 ? "" : name.substr(dot + 1);
    if (name.starts_with("base_model.model.")) {
      fail(
          "{} holds an adapter of PEFT (with {}): PEFT's are adapter_model.safetensors, with "
          "adapter_config.json beside it",
          file.path.string(), name);
    }
    if (last != "lora_a" && last != "lora_b" && last != "m") {
      fail("{}: {} is no part of a LoRA adapter (names end in .lora_a, .lora_b or DoRA's .m)",
           file.path.string(), name);
    }
    LayerPair& pair = result[name.substr(0, dot)];
    (last == "lora_a" ? pair.a : last == "lora_b" ? pair.b : pair.m) = &tensor;
  }
  for (const auto& [path, pair] : result) {
    if (pair.a == nullptr || pair.b == nullptr) {
      fail("{}: {}.{} is missing", file.path.string(), path,
           pair.a == nullptr ? "lora_a" : "lora_b");
    }
    if (!is_pair(pair.a->shape, pair.b->shape)) {
      fail("{}: {} has lora_a {} and lora_b {}, which are no adapter together", file.path.string(),
           path, io::shape_text(pair.a->shape), io::shape_text(pair.b->shape));
    }
    if (pair.m == nullptr && is_dora(file)) {
      fail("{}: {}.m is missing, which other layers have", file.path.string(), path);
    }
    if (pair.m != nullptr && is_embedding(path)) {
      fail("{}: {} is the embedding, for which DoRA is not supported", file.path.string(), path);
    }
    if (pair.m != nullptr && pair.m->shape != mx::Shape{pair.b->shape[1]}) {
      fail("{}: {} has lora_b {} and m {}, which are no adapter together", file.path.string(), path,
           io::shape_text(pair.b->shape), io::shape_text(pair.m->shape));
    }
    if (pair.m != nullptr && pair.is_of_experts()) {
      fail("{}: {} is of experts, which have no DoRA", file.path.string(), path);
    }
  }
  return result;
}

bool is_dora(const AdapterFile& file) {
  return std::any_of(file.tensors.begin(), file.tensors.end(),
                     [](const auto& tensor) { return tensor.first.ends_with(".m"); });
}

void refuse_dora(const AdapterFile& file, const std::string& what) {
  if (!is_dora(file)) return;
  fail(
      "{} is an adapter of DoRA, whose effect depends on the model's weights: there is no {} of "
      "it; "
      "fuse it into the model instead (graft fuse)",
      file.path.string(), what);
}

AdapterFile with_mixtral_names(const AdapterFile& file) {
  AdapterFile renamed = file;
  renamed.tensors.clear();
  renamed.scales.clear();
  const auto name = [](const std::string& layer) { return mixtral_path(layer).value_or(layer); };
  for (const auto& [layer, pair] : layer_pairs(file)) {
    renamed.tensors.insert({name(layer) + ".lora_a", *pair.a});
    renamed.tensors.insert({name(layer) + ".lora_b", *pair.b});
    if (pair.m != nullptr) renamed.tensors.insert({name(layer) + ".m", *pair.m});
  }
  for (const auto& [layer, scale] : file.scales) renamed.scales[name(layer)] = scale;
  renamed.weights.clear();
  for (const auto& [weight, tensor] : file.weights) {
    const size_t dot = weight.rfind('.');
    renamed.weights.insert({name(weight.substr(0, dot)) + weight.substr(dot), tensor});
  }
  return renamed;
}

const LoraSettings& settings_of(const AdapterFile& file) {
  if (!file.settings) fail("{} does not say its scale", file.path.string());
  return *file.settings;
}

bool has_mixtral_names(const AdapterFile& file) {
  return std::any_of(file.tensors.begin(), file.tensors.end(), [](const auto& tensor) {
    return tensor.first.find(".block_sparse_moe.") != std::string::npos;
  });
}

}  // namespace graft::lora
