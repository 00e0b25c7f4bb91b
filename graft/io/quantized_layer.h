#pragma once

#include <optional>
#include <string>

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

/// The shape [..., out, in] that the quantized weight of a layer stands for. Throws Error, naming
/// the tensor, unless `.weight` is uint32 [..., out, in*bits/32] and `.scales` and `.biases` are of
/// one floating type and [..., out, in/group_size].
mx::Shape quantized_layer_shape(const ModelFolder& model, const std::string& path,
                                const LayerQuantization& setting);

}  // namespace graft::io
