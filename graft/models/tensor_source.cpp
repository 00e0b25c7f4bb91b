#include "graft/models/tensor_source.h"

#include <algorithm>

#include <mlx/ops.h>

#include <utility>

#include "graft/base/error.h"
#include "graft/io/quantized_layer.h"
#include "graft/io/unread_array.h"
#include "graft/ops/backend.h"

namespace graft::models {
namespace {

bool is_float(mx::Dtype dtype) {
  return dtype == mx::float32 || dtype == mx::float16 || dtype == mx::bfloat16;
}

// The matrices of a stack, as views.
ops::ExpertWeights parts_of(const ops::Weight& stack) {
  ops::ExpertWeights weights;
  weights.stack = stack;
  for (int expert = 0; expert < stack.weight.shape(0); ++expert) {
    weights.each.push_back(ops::matrix_of(stack, expert));
    mx::eval(weights.each.back().arrays());
  }
  return weights;
}

// A tensor that is there, for messages.
std::string example_of(const io::ModelFolder& folder) {
  return folder.names().empty() ? "none" : io::in_quotes(folder.names().front());
}

// Whether kernels can read one as the other.
bool same_form(const ops::Weight& one, const ops::Weight& other) {
  const std::vector<mx::array> parts = one.arrays(), others = other.arrays();
  return one.bits == other.bits && one.group_size == other.group_size && one.mode == other.mode &&
         std::equal(parts.begin(), parts.end(), others.begin(), others.end(),
                    [](const mx::array& a, const mx::array& b) { return a.dtype() == b.dtype(); });
}

}  // namespace

TensorSource::TensorSource(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype,
                           LanguageModelNames names)
    : folder_(folder),
      names_(std::move(names)),
      dtype_(dtype),
      quantization_(io::quantization_of(folder)) {}

mx::array TensorSource::take(const std::string& name, const mx::Shape& shape) {
  if (folder_.is_config_alone()) return made_up(shape, io::config_dtype(folder_.config()));
  if (!folder_.has(name)) {
    fail("{}: tensor {} {} is missing among the {}, such as {}", folder_.path().string(), name,
         io::shape_text(shape), folder_.names().size(), example_of(folder_));
  }
  const io::TensorInfo& info = folder_.info(name);
  if (info.shape != shape) {
    fail("{}: tensor {} is {}, but the config asks for {}", folder_.path().string(), name,
         io::shape_text(info.shape), io::shape_text(shape));
  }
  taken_.insert(name);
  bytes_ += info.bytes;
  return folder_.load(name);
}

// A tensor of a model whose weights are not there.
mx::array TensorSource::made_up(const mx::Shape& shape, std::optional<mx::Dtype> dtype) {
  mx::array tensor = io::unread_array(shape, dtype.value_or(mx::bfloat16));
  bytes_ += tensor.nbytes();
  return tensor;
}

// The matrix of a model whose weights are not there, quantized if its config says so.
ops::Weight TensorSource::made_up_matrix(const std::string& path, const mx::Shape& shape) {
  const auto setting = quantization_ ? quantization_->lookup(path) : std::nullopt;
  if (!setting || shape.back() % setting->group_size != 0) {
    return {converted(take(path + ".weight", shape), path), {}, {}, 0, 0};
  }
  const auto [words, groups] = io::quantized_shapes(shape, *setting);
  ops::Weight made{made_up(words, mx::uint32), {},           {}, setting->bits,
                   setting->group_size,        setting->mode};
  if (has_biases(setting->mode)) {
    made.scales = take(path + ".scales", groups);
    made.biases = take(path + ".biases", groups);
  } else {
    made.scales = made_up(groups, mx::uint8);
  }
  return made;
}

mx::array TensorSource::converted(const mx::array& tensor, const std::string& name) const {
  if (!is_float(tensor.dtype())) {
    fail("{}: tensor {} is {}, not a floating-point number", folder_.path().string(), name,
         io::dtype_name(tensor.dtype()));
  }
  if (!dtype_ || *dtype_ == tensor.dtype()) return tensor;
  mx::array copy = mx::astype(tensor, *dtype_);
  copy.eval();
  return copy;
}

mx::array TensorSource::vector(const std::string& own_name, int size) {
  const std::string name = names_.stored(own_name);
  mx::array tensor = take(name, {size});
  parameters_ += tensor.size();
  return converted(tensor, name);
}

ops::Weight TensorSource::matrix(const std::string& path, int out, int in) {
  return matrices(names_.stored(path), {out, in});
}

// `<path>.weight` of any shape [..., out, in]; the path as it is stored.
ops::Weight TensorSource::matrices(const std::string& path, const mx::Shape& shape) {
  const std::string weight = path + ".weight";
  size_t count = 1;
  for (int size : shape) count *= static_cast<size_t>(size);
  parameters_ += count;
  if (folder_.is_config_alone()) {
    ops::Weight made = made_up_matrix(path, shape);
    if (!made.quantized() && !dense_dtype_) dense_dtype_ = made.weight.dtype();
    return made;
  }
  if (!io::is_quantized_layer(folder_, path)) {
    mx::array dense = converted(take(weight, shape), weight);
    if (!dense_dtype_) dense_dtype_ = dense.dtype();
    return {dense, {}, {}, 0, 0};
  }

  const io::LayerQuantization setting = io::stored_quantization(
      folder_, quantization_, path, [&] { return std::optional<int>(shape.back()); });
  mx::Shape stands_for = io::quantized_layer_shape(folder_, path, setting);
  if (stands_for != shape) {
    fail("{}: tensor {} stands for {}, but the config asks for {}", folder_.path().string(), weight,
         io::shape_text(stands_for), io::shape_text(shape));
  }
  std::vector<mx::array> parts;
  for (const std::string& name : io::quantized_parts(path, setting.mode)) {
    parts.push_back(take(name, folder_.info(name).shape));
  }
  ops::Weight quantized{parts[0], parts[1], {}, setting.bits, setting.group_size, setting.mode};
  if (parts.size() > 2) quantized.biases = parts[2];
  return quantized;
}

nn::Linear TensorSource::linear(const std::string& path, int out, int in, bool has_bias) {
  nn::Linear layer{path_of(path), matrix(path, out, in), {}, {}};
  if (has_bias) layer.bias = vector(path + ".bias", out);
  return layer;
}

nn::ExpertLinear TensorSource::experts(const std::string& path,
                                       const std::function<std::string(int)>& own_path, int count,
                                       int out, int in) {
  ops::ExpertWeights weights;
  std::vector<std::string> paths;
  if (has(path + ".weight")) {
    weights = parts_of(matrices(names_.stored(path), {count, out, in}));
  } else {
    for (int expert = 0; expert < count; ++expert) {
      paths.push_back(path_of(own_path(expert)));
      weights.each.push_back(matrix(own_path(expert), out, in));
      if (!same_form(weights.each.back(), weights.each.front())) {
        fail("{}: {} is stored in another form than {}: experts of a layer must be alike",
             folder_.path().string(), paths.back(), paths.front());
      }
    }
    // MLX's operations read a stack; the files' matrices need not stay in memory besides.
    if (!ops::use_cpu_kernels()) weights = parts_of(ops::stacked(weights.each));
  }
  return {path_of(path), std::make_shared<ops::ExpertWeights>(std::move(weights)),
          std::move(paths)};
}

void TensorSource::ignore(const std::string& name) { taken_.insert(names_.stored(name)); }

mx::Dtype TensorSource::activation_dtype() const {
  if (dtype_) return *dtype_;
  return dense_dtype_.value_or(ops::quantized_activation_dtype());
}

void TensorSource::finish() const {
  for (const std::string& name : folder_.names()) {
    if (taken_.count(name) == 0 && !names_.is_other_part(name)) {
      fail("{}: tensor {} {} belongs to no part of a '{}' model with this config",
           folder_.path().string(), name, io::shape_text(folder_.info(name).shape),
           folder_.config().value("model_type", ""));
    }
  }
}

}  // namespace graft::models
