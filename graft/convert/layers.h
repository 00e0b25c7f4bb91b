#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "graft/io/model_folder.h"
#include "graft/io/model_writer.h"
#include "graft/io/quantization_config.h"
#include "graft/ops/weight.h"

namespace graft::convert {

namespace mx = mlx::core;

/// A tensor of a source, and its type in the output.
struct PlainTensor {
  std::string name;
  mx::Shape shape;
  mx::Dtype dtype = mx::float32;
  std::function<mx::array()> load;  // in the source's own type
  std::function<void()> release;    // lets go of what `load` read
};

/// A quantized layer of a model folder.
struct StoredLayer {
  std::shared_ptr<const io::ModelFolder> source;
  std::string path;
  io::LayerQuantization setting;
  mx::Shape shape;  // [out, in]
};

/// The weight, scales and biases, if the mode has them, that MLX makes of a weight [..., out, in]
/// of type `dtype`, named after the layer `path`.
std::vector<io::TensorDeclaration> quantized_declarations(const std::string& path,
                                                          const mx::Shape& shape, mx::Dtype dtype,
                                                          const io::LayerQuantization& setting);

/// Writes the tensor, cast.
io::TensorJob plain_job(const PlainTensor& tensor);
/// Casts and quantizes a `.weight`, or writes `given`, which stands for it.
io::TensorJob quantized_job(const PlainTensor& tensor, const io::LayerQuantization& setting,
                            const std::optional<ops::Weight>& given = {});
/// Writes a quantized layer as it is.
io::TensorJob kept_layer_job(const StoredLayer& layer);
/// Writes a quantized layer as a plain one: computed in float32, rounded once.
io::TensorJob dequantized_job(const StoredLayer& layer, mx::Dtype dtype);

/// Number of elements of a shape that is known to fit.
uint64_t elements_of(const mx::Shape& shape);

}  // namespace graft::convert
