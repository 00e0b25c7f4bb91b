#include "graft/convert/layers.h"

#include <mlx/ops.h>

#include <optional>

#include "graft/convert/quantize.h"
#include "graft/io/finite.h"
#include "graft/io/quantized_layer.h"

namespace graft::convert {
namespace {

io::TensorDeclaration declaration_of(const io::ModelFolder& source, const std::string& name) {
  const io::TensorInfo& info = source.info(name);
  return {.name = name, .dtype = info.dtype, .shape = info.shape};
}

// A stack [E, out, in] as one long matrix.
std::vector<mx::array> quantized(const PlainTensor& tensor, const io::LayerQuantization& setting) {
  const mx::Shape& shape = tensor.shape;
  const mx::array weight = tensor.load();
  io::check_finite(weight, tensor.name);
  if (shape.size() == 2) return quantize_rows(weight, tensor.dtype, setting);
  const mx::array rows = mx::reshape(weight, {shape[0] * shape[1], shape[2]});
  std::vector<mx::array> parts = quantize_rows(rows, tensor.dtype, setting);
  for (mx::array& part : parts) part = mx::reshape(part, {shape[0], shape[1], part.shape(1)});
  return parts;
}

}  // namespace

uint64_t elements_of(const mx::Shape& shape) { return io::checked_bytes(shape, mx::uint8).value(); }

std::vector<io::TensorDeclaration> quantized_declarations(const std::string& path,
                                                          const mx::Shape& shape, mx::Dtype dtype,
                                                          const io::LayerQuantization& setting) {
  const auto [words, groups] = io::quantized_shapes(shape, setting);
  std::vector<io::TensorDeclaration> parts;
  for (const std::string& name : io::quantized_parts(path, setting.mode)) {
    parts.push_back({.name = name, .dtype = dtype, .shape = groups});
  }
  parts[0].dtype = mx::uint32;
  parts[0].shape = words;
  if (!has_biases(setting.mode)) parts[1].dtype = mx::uint8;
  return parts;
}

io::TensorJob plain_job(const PlainTensor& tensor) {
  return {.outputs = {{.name = tensor.name, .dtype = tensor.dtype, .shape = tensor.shape}},
          .make = [tensor] { return std::vector{mx::astype(tensor.load(), tensor.dtype)}; },
          .release = tensor.release,
          .parameters = elements_of(tensor.shape)};
}

io::TensorJob quantized_job(const PlainTensor& tensor, const io::LayerQuantization& setting,
                            const std::optional<ops::Weight>& given) {
  std::string path = tensor.name.substr(0, tensor.name.rfind('.'));
  return {.outputs = quantized_declarations(path, tensor.shape, tensor.dtype, setting),
          .make = [tensor, setting,
                   given] { return given ? given->arrays() : quantized(tensor, setting); },
          .release = tensor.release,
          .parameters = elements_of(tensor.shape)};
}

io::TensorJob kept_layer_job(const StoredLayer& layer) {
  io::TensorJob job;
  for (const std::string& part : io::quantized_parts(layer.path, layer.setting.mode)) {
    job.outputs.push_back(declaration_of(*layer.source, part));
  }
  auto outputs = job.outputs;
  auto source = layer.source;
  job.make = [source, outputs] {
    std::vector<mx::array> values;
    for (const io::TensorDeclaration& output : outputs) values.push_back(source->load(output.name));
    return values;
  };
  job.release = [source, outputs] {
    for (const io::TensorDeclaration& output : outputs) source->release(output.name);
  };
  job.parameters = elements_of(layer.shape);
  return job;
}

io::TensorJob dequantized_job(const StoredLayer& layer, mx::Dtype dtype) {
  io::TensorJob job = kept_layer_job(layer);
  job.outputs = {{.name = layer.path + ".weight", .dtype = dtype, .shape = layer.shape}};
  job.make = [parts = job.make, setting = layer.setting, dtype] {
    std::vector<mx::array> stored = parts();
    std::optional<mx::array> biases;
    if (has_biases(setting.mode)) {
      stored[1] = mx::astype(stored[1], mx::float32);
      biases = mx::astype(stored[2], mx::float32);
    }
    const mx::array weight =
        mx::dequantize(stored[0], stored[1], biases, setting.group_size, setting.bits,
                       std::string(name_of(setting.mode)), {}, mx::float32);
    return std::vector{mx::astype(weight, dtype)};
  };
  return job;
}

}  // namespace graft::convert
