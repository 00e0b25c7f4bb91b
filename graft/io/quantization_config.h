#pragma once

#include <map>
#include <optional>
#include <string>

#include "graft/base/quantization_mode.h"
#include "graft/io/json.h"

namespace graft::io {

/// How one layer's weight is quantized: values of `bits` bits, and a scale for each `group_size`
/// neighbours of a row, as `mode` has them.
struct LayerQuantization {
  int group_size = 64;
  int bits = 4;
  QuantizationMode mode = QuantizationMode::affine;

  static LayerQuantization default_of(QuantizationMode mode) {
    return {default_group_size(mode), default_bits(mode), mode};
  }

  bool operator==(const LayerQuantization&) const = default;
};

/// The "quantization" entry of a model's config.json: one setting for the model, and those of
/// layers that differ.
struct QuantizationConfig {
  LayerQuantization standard = {};
  /// By layer path ("model.layers.0.mlp.down_proj"); nothing if the layer is not quantized.
  std::map<std::string, std::optional<LayerQuantization>> layers = {};

  /// How a layer is quantized, if at all: by its own setting, else the model's. A layer without a
  /// setting of its own is quantized only if the file has its `.scales`.
  std::optional<LayerQuantization> lookup(const std::string& path) const;

  /// From a config.json; nothing if the model is not quantized. `what` names the file in errors.
  /// Throws Error for settings that MLX does not have, and for other quantization methods (AWQ,
  /// GPTQ, ...), by name.
  static std::optional<QuantizationConfig> from_config(const json& config, const std::string& what);

  /// As mlx-lm writes it: group_size, bits, mode, then the layers.
  ordered_json to_json() const;
};

}  // namespace graft::io
