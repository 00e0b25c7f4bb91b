#pragma once

#include <mlx/array.h>

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "graft/io/model_folder.h"
#include "graft/io/quantization_config.h"
#include "graft/models/language_model_names.h"
#include "graft/nn/expert_linear.h"
#include "graft/nn/linear.h"
#include "graft/ops/weight.h"

namespace graft::models {

namespace mx = mlx::core;

/// Takes a model's tensors out of its folder by name and shape. Every mismatch is an Error that
/// names the tensor and both shapes; `finish` refuses tensors that nobody took.
class TensorSource {
 public:
  /// Dense tensors are converted to `dtype`, or keep the checkpoint's without it. If the language
  /// model is a part of a checkpoint, `names` says how that names its tensors.
  TensorSource(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype,
               LanguageModelNames names = {});

  /// A vector [size], such as a norm's weight.
  mx::array vector(const std::string& name, int size);
  /// `<path>.weight` [out, in], with `<path>.scales` and, in mode affine, `.biases` where it is
  /// quantized.
  ops::Weight matrix(const std::string& path, int out, int in);
  /// The same with `<path>.bias` [out] if `has_bias`.
  nn::Linear linear(const std::string& path, int out, int in, bool has_bias);

  /// A layer of `count` experts: `<path>.weight` [E, out, in], as mlx-lm stores it, or one matrix
  /// for each at `own_path(expert)`, as checkpoints have it.
  nn::ExpertLinear experts(const std::string& path, const std::function<std::string(int)>& own_path,
                           int count, int out, int in);

  /// A part's name in adapters: the Hub's name.
  std::string path_of(const std::string& path) const {
    return names_.as_on_the_hub(names_.stored(path));
  }

  bool has(const std::string& name) const { return folder_.has(names_.stored(name)); }
  /// Counts a tensor as taken without loading it.
  void ignore(const std::string& name);
  /// Throws Error naming a tensor that was never taken.
  void finish() const;

  /// The dtype of activations: the requested one, else that of the dense matrices, else (all are
  /// quantized) the fastest one for dequantized weights on this machine.
  mx::Dtype activation_dtype() const;

  /// Numbers and bytes taken so far; a quantized weight counts the numbers it stands for.
  size_t parameters() const { return parameters_; }
  size_t bytes() const { return bytes_; }

 private:
  mx::array take(const std::string& name, const mx::Shape& shape);
  ops::Weight matrices(const std::string& path, const mx::Shape& shape);
  mx::array made_up(const mx::Shape& shape, std::optional<mx::Dtype> dtype);
  ops::Weight made_up_matrix(const std::string& path, const mx::Shape& shape);
  mx::array converted(const mx::array& tensor, const std::string& name) const;

  const io::ModelFolder& folder_;
  LanguageModelNames names_;
  std::optional<mx::Dtype> dtype_;
  std::optional<io::QuantizationConfig> quantization_;
  std::optional<mx::Dtype> dense_dtype_;  // of the first dense matrix
  std::set<std::string> taken_;
  size_t parameters_ = 0, bytes_ = 0;
};

}  // namespace graft::models
