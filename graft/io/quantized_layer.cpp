#include "graft/io/quantized_layer.h"

#include "graft/base/error.h"

namespace graft::io {
namespace {

// The width that so many words of 32 bits stand for; 0 if they are of none.
int width_of(int words, const LayerQuantization& setting) {
  const int64_t bits = int64_t{words} * 32, width = bits / setting.bits;
  const bool fits =
      bits % setting.bits == 0 && width % setting.group_size == 0 && width <= INT32_MAX;
  return fits ? static_cast<int>(width) : 0;
}

// Whether the layer's tensors can be of this setting, by the sizes of their rows and the type of
// the scales.
bool may_be(const ModelFolder& model, const std::string& path, const LayerQuantization& setting,
            std::optional<int> wanted) {
  if (!model.has(path + ".weight")) return false;
  const TensorInfo &weight = model.info(path + ".weight"), &scales = model.info(path + ".scales");
  if (weight.shape.empty() || scales.shape.empty()) return false;
  const int width = width_of(weight.shape.back(), setting);
  return width > 0 && width == wanted.value_or(width) &&
         scales.shape.back() == width / setting.group_size &&
         has_biases(setting.mode) == (scales.dtype != mx::uint8);
}

std::vector<LayerQuantization> all_that_fit(const ModelFolder& model, const std::string& path,
                                            std::optional<int> width) {
  std::vector<LayerQuantization> all;
  for (const QuantizationMode mode : kQuantizationModes) {
    for (const int bits : bits_of(mode)) {
      for (const int group_size : group_sizes_of(mode)) {
        const LayerQuantization setting{group_size, bits, mode};
        if (may_be(model, path, setting, width)) all.push_back(setting);
      }
    }
  }
  return all;
}

}  // namespace

std::optional<QuantizationConfig> quantization_of(const ModelFolder& model) {
  auto quantization =
      QuantizationConfig::from_config(model.config(), (model.path() / "config.json").string());
  // ModelOpt's settings are in a file of their own, which counts where config.json has none.
  const fs::path other = model.path() / "hf_quant_config.json";
  if (!quantization && !model.is_config_alone() && is_there(other)) {
    const json settings = read_json_object(other);
    const json inner = settings.value("quantization", json::object());
    const json algorithm = inner.is_object() ? inner.value("quant_algo", json()) : json();
    if (algorithm.is_null()) return quantization;  // of the cache alone
    fail(
        "{}: the weights are quantized by ModelOpt ({}), which is not supported: take the model as "
        "it was before, which `convert` quantizes",
        other.string(), algorithm.dump(-1, ' ', true));
  }
  return quantization;
}

LayerQuantization stored_quantization(const ModelFolder& model,
                                      const std::optional<QuantizationConfig>& quantization,
                                      const std::string& path,
                                      const std::function<std::optional<int>()>& width) {
  const auto setting = quantization ? quantization->lookup(path) : std::nullopt;
  if (!setting) {
    fail("{}: {} is quantized, but config.json has no quantization settings for it",
         model.path().string(), path);
  }
  if (quantization->layers.count(path) > 0) return *setting;
  const std::optional<int> known = width ? width() : std::nullopt;
  if (may_be(model, path, *setting, known)) return *setting;
  const std::vector<LayerQuantization> all = all_that_fit(model, path, known);
  if (all.empty()) return *setting;  // whose shapes are said to be wrong then
  if (all.size() == 1) return all[0];
  std::string texts;
  for (const LayerQuantization& one : all) {
    if (!texts.empty()) texts += ", or ";
    texts += quantization_text(one.mode, one.bits, one.group_size);
  }
  fail("{}: {} may have {}: config.json's \"quantization\" should have an entry for it",
       model.path().string(), path, texts);
}

QuantizedShapes quantized_shapes(const mx::Shape& weight, const LayerQuantization& setting) {
  QuantizedShapes shapes{weight, weight};
  shapes.words.back() = static_cast<mx::ShapeElem>(int64_t{weight.back()} * setting.bits / 32);
  shapes.groups.back() = weight.back() / setting.group_size;
  return shapes;
}

std::vector<std::string> quantized_parts(const std::string& path, QuantizationMode mode) {
  std::vector<std::string> parts = {path + ".weight", path + ".scales"};
  if (has_biases(mode)) parts.push_back(path + ".biases");
  return parts;
}

mx::Shape quantized_layer_shape(const ModelFolder& model, const std::string& path,
                                const LayerQuantization& setting) {
  const TensorInfo& weight = model.info(path + ".weight");
  const TensorInfo& scales = model.info(path + ".scales");
  auto refuse = [&](const char* part, const TensorInfo& found, const std::string& expected) {
    fail("{}: tensor {} is {} {}, but expected {} for {}", model.path().string(),
         in_quotes(path + part), dtype_name(found.dtype), shape_text(found.shape), expected,
         quantization_text(setting.mode, setting.bits, setting.group_size));
  };
  if (weight.dtype != mx::uint32 || weight.shape.size() < 2) {
    refuse(".weight", weight, "uint32 [..., out, in*bits/32]");
  }
  mx::Shape shape = weight.shape;
  shape.back() = width_of(weight.shape.back(), setting);
  if (shape.back() == 0) refuse(".weight", weight, "another width");
  const mx::Shape groups = quantized_shapes(shape, setting).groups;
  if (!has_biases(setting.mode)) {
    if (scales.shape != groups || scales.dtype != mx::uint8) {
      refuse(".scales", scales, "uint8 " + shape_text(groups));
    }
  } else {
    if (scales.shape != groups || !mx::issubdtype(scales.dtype, mx::floating)) {
      refuse(".scales", scales, shape_text(groups));
    }
    const TensorInfo& biases = model.info(path + ".biases");
    if (biases.shape != groups || biases.dtype != scales.dtype) {
      refuse(".biases", biases, fmt::format("{} {}", dtype_name(scales.dtype), shape_text(groups)));
    }
  }
  return shape;
}

}  // namespace graft::io
