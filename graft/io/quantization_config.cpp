#include "graft/io/quantization_config.h"

#include "graft/base/error.h"

namespace graft::io {
namespace {

// One setting: the model's, or a layer's.
class Entry {
 public:
  Entry(const json& entry, std::string where) : entry_(entry), where_(std::move(where)) {}

  // What is missing is the mode's own, for a layer too: that is how MLX's layers read it.
  LayerQuantization read() const {
    LayerQuantization setting = LayerQuantization::default_of(mode());
    setting.group_size = number("group_size", setting.group_size);
    setting.bits = number("bits", setting.bits);
    if (!has_bits(setting.mode, setting.bits)) {
      fail("{}: \"bits\" is {}, but mode {} has {}", where_, setting.bits, name_of(setting.mode),
           bits_text(setting.mode));
    }
    if (!has_group_size(setting.mode, setting.group_size)) {
      fail("{}: \"group_size\" is {}, but mode {} has groups of {}", where_, setting.group_size,
           name_of(setting.mode), group_sizes_text(setting.mode));
    }
    const auto tensor_scale = entry_.find("global_scale");
    if (tensor_scale != entry_.end() && *tensor_scale != false) {
      fail("{}: \"global_scale\" is not supported: a scale for a whole tensor", where_);
    }
    return setting;
  }

 private:
  QuantizationMode mode() const {
    auto found = entry_.find("mode");
    if (found == entry_.end()) return QuantizationMode::affine;
    std::optional<QuantizationMode> mode;
    if (found->is_string()) mode = quantization_mode(found->get_ref<const std::string&>());
    if (!mode) {
      fail("{}: the quantization mode is {}, expected {}", where_, found->dump(-1, ' ', true),
           quantization_mode_names());
    }
    return *mode;
  }

  int number(const char* key, int standard) const {
    auto found = entry_.find(key);
    if (found == entry_.end() || found->is_null()) return standard;
    if (!found->is_number_integer() || found->get<int64_t>() < 0 || found->get<int64_t>() > 1024) {
      fail("{}: \"{}\" is not a small number but {}", where_, key, found->dump(-1, ' ', true));
    }
    return found->get<int>();
  }

  const json& entry_;
  std::string where_;
};

ordered_json entry_of(const LayerQuantization& setting) {
  return {
      {"group_size", setting.group_size}, {"bits", setting.bits}, {"mode", name_of(setting.mode)}};
}

[[noreturn]] void refuse_method(const json& config, const std::string& what) {
  auto method = config.find("quant_method");
  bool named = method != config.end() && method->is_string();
  fail(
      "{}: the weights are quantized with {}, which is not supported: only MLX's own quantization "
      "is (\"quantization\"); take the model as it was before, which `convert` quantizes",
      what, named ? in_quotes(method->get<std::string>()) : "an unnamed method");
}

}  // namespace

std::optional<LayerQuantization> QuantizationConfig::lookup(const std::string& path) const {
  auto found = layers.find(path);
  return found == layers.end() ? standard : found->second;
}

std::optional<QuantizationConfig> QuantizationConfig::from_config(const json& config,
                                                                  const std::string& what) {
  auto entry = config.find("quantization");
  if (entry == config.end() || entry->is_null()) {
    auto other = config.find("quantization_config");
    if (other == config.end() || other->is_null()) return std::nullopt;
    if (!other->is_object() || other->contains("quant_method")) refuse_method(*other, what);
    entry = other;
  }
  if (!entry->is_object()) fail("{}: \"quantization\" is not an object", what);
  // mlx-lm's key to round what layers read, too (nn.QQLinear).
  const json activations = config.value("quantize_activations", json());
  if (!activations.is_null() && activations != false && activations != 0) {
    fail(
        "{}: \"quantize_activations\" is {}, and graft quantizes weights alone: without the key, "
        "the "
        "model has the same weights and computes with activations that are not rounded",
        what, activations.dump(-1, ' ', true));
  }
  QuantizationConfig result;
  result.standard = Entry(*entry, what + ": quantization").read();
  for (const auto& [path, value] : entry->items()) {
    if (value.is_boolean()) {
      result.layers[path] = value.get<bool>() ? std::optional(result.standard) : std::nullopt;
    } else if (value.is_object()) {
      result.layers[path] = Entry(value, what + ": quantization of " + in_quotes(path)).read();
    }
  }
  return result;
}

ordered_json QuantizationConfig::to_json() const {
  ordered_json result = entry_of(standard);
  for (const auto& [path, layer] : layers) {
    result[path] = layer ? entry_of(*layer) : ordered_json(false);
  }
  return result;
}

}  // namespace graft::io
