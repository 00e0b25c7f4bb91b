#include "graft/io/quantized_layer.h"

#include "graft/base/error.h"

namespace graft::io {

LayerQuantization stored_quantization(const ModelFolder& model,
                                      const std::optional<QuantizationConfig>& quantization,
                                      const std::string& path) {
  auto setting = quantization ? quantization->lookup(path) : std::nullopt;
  if (!setting) {
    fail("{}: {} is quantized, but config.json has no quantization settings for it",
         model.path().string(), path);
  }
  return *setting;
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
  size_t last = weight.shape.size() - 1;
  if (weight.dtype != mx::uint32 || weight.shape.size() < 2) {
    refuse(".weight", weight, "uint32 [..., out, in*bits/32]");
  }
  // Of the width w, w*bits/32 words are stored and w/group scales.
  int64_t bits = int64_t{weight.shape[last]} * 32;
  int64_t width = bits / setting.bits;
  if (bits % setting.bits != 0 || width % setting.group_size != 0 || width > INT32_MAX) {
    refuse(".weight", weight, "another width");
  }
  mx::Shape groups = weight.shape;
  groups[last] = static_cast<mx::ShapeElem>(width / setting.group_size);
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
  mx::Shape shape = weight.shape;
  shape[last] = static_cast<mx::ShapeElem>(width);
  return shape;
}

}  // namespace graft::io
