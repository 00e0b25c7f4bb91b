#pragma once

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

/// How the quantized layer is stored. Throws Error if `quantization`, the model's config, does not
/// say so.
LayerQuantization stored_quantization(const ModelFolder& model,
                                      const std::optional<QuantizationConfig>& quantization,
                                      const std::string& path);

/// The names of the tensors of a quantized layer: `.weight`, `.scales` and, where the mode has
/// them,
/// `.biases` of `path`.
std::vector<std::string> quantized_parts(const std::string& path, QuantizationMode mode);

/// The shape [..., out, in] that the quantized weight of a layer stands for. Throws Error, naming
/// the tensor, unless `.weight` is uint32 [..., out, in*bits/32] and `.scales` and `.biases` are
/// [..., out, in/group_size]: of one floating type in mode affine, else `.scales` of bytes alone.
mx::Shape quantized_layer_shape(const ModelFolder& model, const std::string& path,
                                const LayerQuantization& setting);

}  // namespace graft::io
