#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graft/io/model_folder.h"
#include "graft/io/quantization_config.h"

namespace graft::io {

/// Whether the model stores the layer's weight quantized: where `<path>.scales` exists.
inline bool is_quantized_layer(const ModelFolder& model, const std::string& path) {
  return model.has(path + ".scales");
}

/// The "quantization" of the model's config.json; nothing if it is not quantized. Throws Error as
/// QuantizationConfig::from_config does, and where the folder says in hf_quant_config.json that
/// NVIDIA's ModelOpt has quantized it.
std::optional<QuantizationConfig> quantization_of(const ModelFolder& model);

/// How the quantized layer is stored: by its own entry of `quantization`, the model's config. One
/// that has none is taken by the shapes of its tensors, as mlx-lm does: by the model's setting
/// where these fit it, else by the one that they do fit. `width` gives the layer's in the
/// model, where that is known, and is asked only if there is no entry: without it, 8 bits in groups
/// of 32 look like 4 bits in groups of 64 of twice the width, and the model's setting is taken
/// where it can be. Throws Error if the config does not say that there are quantized layers, denies
/// that this is one, or if shapes alone do not tell.
LayerQuantization stored_quantization(const ModelFolder& model,
                                      const std::optional<QuantizationConfig>& quantization,
                                      const std::string& path,
                                      const std::function<std::optional<int>()>& width = {});

/// The names of the tensors of a quantized layer: `.weight`, `.scales` and, where the mode has
/// them, `.biases` of `path`.
std::vector<std::string> quantized_parts(const std::string& path, QuantizationMode mode);

/// The shapes of a quantized weight [..., out, in]: words of 32 bits [..., out, in*bits/32], and
/// groups [..., out, in/group_size], which scales and biases have.
struct QuantizedShapes {
  mx::Shape words, groups;
};
QuantizedShapes quantized_shapes(const mx::Shape& weight, const LayerQuantization& setting);

/// The shape [..., out, in] that the quantized weight of a layer stands for. Throws Error, naming
/// the tensor, unless `.weight` is uint32 [..., out, in*bits/32] and `.scales` and `.biases` are
/// [..., out, in/group_size]: of one floating type in mode affine, else `.scales` of bytes alone.
mx::Shape quantized_layer_shape(const ModelFolder& model, const std::string& path,
                                const LayerQuantization& setting);

}  // namespace graft::io
