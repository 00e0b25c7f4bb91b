#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/config_reader.h"
#include "graft/models/decoder.h"

namespace graft::models {

/// What families have in common when a model is made of its folder: the names and defaults of
/// transformers' configs and checkpoints, Llama's where a family says nothing else.
class Family {
 public:
  Family(const ModelFolder& folder, std::optional<mx::Dtype> dtype);
  /// Of a part of a checkpoint, which has a config and names of its own.
  Family(const ModelFolder& folder, std::optional<mx::Dtype> dtype, json config,
         LanguageModelNames names);
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  const ConfigReader& config() const { return config_; }
  const json& config_json() const { return config_json_; }
  /// What errors call the config.
  const std::string& what() const { return what_; }
  TensorSource& source() { return source_; }

  int integer(const char* key, std::optional<int64_t> otherwise = {}) const;
  /// `sliding_window`: 0 where the config has null, `otherwise` where it has nothing.
  int window(int otherwise) const;
  float number(const char* key, std::optional<double> otherwise = {}) const;
  /// Throws Error that names `key` unless its value is the one that is built.
  void require(const char* key, bool value) const;

  int hidden_size() const { return hidden_size_; }
  int num_layers() const { return num_layers_; }

  /// Heads, their width and the scale of the scores; `head_dim` where the config says it, or as
  /// given, or D / H.
  AttentionConfig attention(std::optional<int> head_dim = {}) const;
  /// A SwiGLU layer with the activation of `hidden_act`.
  MlpConfig mlp() const;
  /// Experts, their number under `count_key` and of the width of `intermediate_size`.
  ExpertsConfig experts(const char* count_key, int count, int chosen) const;
  Activation activation(const char* key, const char* otherwise) const;

  /// RMSNorm `<path>.weight` [size] with `rms_norm_eps`; `offset` is added to the weight.
  nn::Norm rms_norm(const std::string& path, int size, float offset = 0);
  /// RMSNorm of heads of q or k, `width` elements together.
  HeadNorm head_norm(const std::string& path, int width, float offset = 0) {
    return {rms_norm(path, width, offset), width, {}};
  }
  /// LayerNorm `<path>.weight` and `.bias` [size] with the epsilon under `eps_key`.
  nn::Norm layer_norm(const std::string& path, int size, const char* eps_key);

  /// The epsilon of RMSNorms where the config has none.
  void set_default_eps(double eps) { default_eps_ = eps; }
  /// RMSNorm of hidden states.
  nn::Norm norm(const std::string& path) { return rms_norm(path, hidden_size_); }

  /// The rotation of heads of this width.
  nn::Rope rope(int head_dim, const nn::RopeDefaults& defaults = {}) const {
    return nn::Rope::from_config(config_json_, head_dim, what_, defaults);
  }

  /// A block of Llama's form and names.
  Block llama_block(const std::string& at, const AttentionConfig& attention, FeedForward mlp);
  Block llama_block(const std::string& at, const AttentionConfig& attention, const MlpConfig& mlp) {
    return llama_block(at, attention, Mlp(source_, at + "mlp", mlp));
  }

  struct PartsOptions {
    std::function<nn::Norm(const std::string& path)> norm{};  // the last one; norm() without it
    const char* norm_path = "model.norm";
    bool tied = false;  // the head, where the config does not say
    bool head_bias = false;
  };
  /// Embedding, layers by `block(path of the layer with its dot, index)`, last norm and head.
  DecoderParts parts(const std::function<Block(const std::string& at, int index)>& block,
                     const PartsOptions& options);
  DecoderParts parts(const std::function<Block(const std::string& at, int index)>& block) {
    return parts(block, PartsOptions());
  }

  std::unique_ptr<Model> make(DecoderParts parts);

 private:
  json config_json_;
  std::string what_;
  ConfigReader config_;
  TensorSource source_;
  int hidden_size_, num_layers_;
  double default_eps_ = 1e-6;
};

/// The window of each layer, 0 where there is none, from `layer_types` or, without it, from
/// `slides(index)`.
std::vector<int> layer_windows(const Family& family, const std::function<bool(int index)>& slides);

/// Qwen's: the layers from `max_window_layers` on, where `use_sliding_window` says so.
std::vector<int> qwen_windows(const Family& family);

}  // namespace graft::models
