#include "graft/io/quantization_config.h"

#include <algorithm>
#include <array>

#include "graft/base/error.h"

namespace graft::io {
namespace {

constexpr std::array<int64_t, 6> kBits{2, 3, 4, 5, 6, 8};
constexpr std::array<int64_t, 3> kGroups{32, 64, 128};

// One setting: the model's, or a layer's.
class Entry {
 public:
  Entry(const json& entry, std::string where) : entry_(entry), where_(std::move(where)) {}

  LayerQuantization read(const LayerQuantization& standard) const {
    LayerQuantization setting;
    setting.group_size = number("group_size", standard.group_size);
    setting.bits = number("bits", standard.bits);
    if (!is_quantization_bits(setting.bits)) {
      fail("{}: \"bits\" is {}, but MLX quantizes to 2, 3, 4, 5, 6 or 8", where_, setting.bits);
    }
    if (!is_quantization_group(setting.group_size)) {
      fail("{}: \"group_size\" is {}, but MLX has groups of 32, 64 or 128", where_,
           setting.group_size);
    }
    return setting;
  }

  std::string mode() const {
    auto found = entry_.find("mode");
    if (found == entry_.end()) return "affine";
    if (!found->is_string() || found->get_ref<const std::string&>() != "affine") {
      fail("{}: the quantization mode {} is not supported, only \"affine\"", where_,
           found->dump(-1, ' ', true));
    }
    return "affine";
  }

 private:
  int number(const char* key, int standard) const {
    auto found = entry_.find(key);
    if (found == entry_.end()) return standard;
    if (!found->is_number_integer() || found->get<int64_t>() < 0 || found->get<int64_t>() > 1024) {
      fail("{}: \"{}\" is not a small number but {}", where_, key, found->dump(-1, ' ', true));
    }
    return found->get<int>();
  }

  const json& entry_;
  std::string where_;
};

[[noreturn]] void refuse_method(const json& config, const std::string& what) {
  auto method = config.find("quant_method");
  bool named = method != config.end() && method->is_string();
  fail(
      "{}: the weights are quantized with {}, which is not supported: only MLX's own quantization "
      "is (\"quantization\")",
      what, named ? in_quotes(method->get<std::string>()) : "an unnamed method");
}

}  // namespace

bool is_quantization_bits(int64_t bits) {
  return std::find(kBits.begin(), kBits.end(), bits) != kBits.end();
}

bool is_quantization_group(int64_t group_size) {
  return std::find(kGroups.begin(), kGroups.end(), group_size) != kGroups.end();
}

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
  Entry model(*entry, what + ": quantization");
  QuantizationConfig result;
  result.mode = model.mode();
  result.standard = model.read(result.standard);
  for (const auto& [path, value] : entry->items()) {
    if (value.is_boolean()) {
      result.layers[path] = value.get<bool>() ? std::optional(result.standard) : std::nullopt;
    } else if (value.is_object()) {
      Entry layer(value, what + ": quantization of " + in_quotes(path));
      layer.mode();
      result.layers[path] = layer.read(result.standard);
    }
  }
  return result;
}

ordered_json QuantizationConfig::to_json() const {
  ordered_json result = {
      {"group_size", standard.group_size}, {"bits", standard.bits}, {"mode", mode}};
  for (const auto& [path, layer] : layers) {
    if (layer) {
      result[path] = {{"group_size", layer->group_size}, {"bits", layer->bits}, {"mode", mode}};
    } else {
      result[path] = false;
    }
  }
  return result;
}

}  // namespace graft::io
