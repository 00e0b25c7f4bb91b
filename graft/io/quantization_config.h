#pragma once

#include <map>
#include <optional>
#include <string>

#include "graft/io/json.h"

namespace graft::io {

/// How one layer's weight is quantized: `w = q * scale + bias`, q of `bits` bits, one scale and one
/// bias for each `group_size` neighbours of a row.
struct LayerQuantization {
  int group_size = 64;
  int bits = 4;

  bool operator==(const LayerQuantization&) const = default;
};

/// The bits that MLX can pack (2, 3, 4, 5, 6, 8) and its group sizes (32, 64, 128).
bool is_quantization_bits(int64_t bits);
bool is_quantization_group(int64_t group_size);

/// The "quantization" entry of a model's config.json: one setting for the model, and those of
/// layers that differ.
struct QuantizationConfig {
  LayerQuantization standard = {};
  std::string mode = "affine";
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
