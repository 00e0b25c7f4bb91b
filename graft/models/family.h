#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/config_reader.h"
#include "graft/models/decoder.h"

namespace graft::models {

/// The norms of a family.
struct NormConfig {
  const char* eps_key = "rms_norm_eps";
  float offset = 0;       // added to the stored weights
  bool centered = false;  // LayerNorms, with `<path>.bias`
};

/// What families have in common when a model is built from its folder: the names of transformers'
/// configs and checkpoints, those of Llama unless a family sets others, and the defaults of its
/// config (config_defaults).
class Family {
 public:
  Family(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype);
  /// For a part of a checkpoint that has its own config and names.
  Family(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype, json config,
         const LanguageModelNames& names);
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  const ConfigReader& config() const { return config_; }
  const json& config_json() const { return config_json_; }
  /// The name of the config in errors.
  const std::string& what() const { return what_; }
  TensorSource& source() { return source_; }

  int integer(const char* key, std::optional<int64_t> otherwise = {}) const;
  /// `sliding_window`: 0 if there is none.
  int window() const;
  float number(const char* key, std::optional<double> otherwise = {}) const;
  /// Throws Error that names `key` unless its value is `value`, the supported one.
  void require(const char* key, bool value) const;

  int hidden_size() const { return hidden_size_; }
  int num_layers() const { return num_layers_; }

  /// Heads, their width and the scale of the scores. The width is the config's `head_dim`, or else
  /// the argument, or else D / H.
  AttentionConfig attention(std::optional<int> head_dim = {}) const;
  /// The same with biases on all four layers if `attention_bias` says so.
  AttentionConfig attention_with_biases(std::optional<int> head_dim = {}) const;
  /// A SwiGLU layer with the activation under `activation_key`.
  MlpConfig mlp(const char* activation_key = "hidden_act", const char* otherwise = "silu") const;
  /// The same with biases if `mlp_bias` says so.
  MlpConfig mlp_with_biases() const;
  /// Experts; their width is that in `intermediate_size`.
  ExpertsConfig experts() const;
  Activation activation(const char* key, const char* otherwise) const;

  /// Sets the kind of all norms made from now on.
  void set_norm(const NormConfig& norm) { norm_ = norm; }
  float norm_eps() const { return number(norm_.eps_key); }
  /// The norm of hidden states.
  nn::Norm norm(const std::string& path) { return norm(path, hidden_size_); }
  /// The norm of heads of q or k, `width` elements together.
  HeadNorm head_norm(const std::string& path, int width) { return {norm(path, width), width, {}}; }

  /// The rotation of heads of this width.
  nn::Rope rope(int head_dim, bool always_partial = false) const {
    return nn::Rope::from_config(config_json_, head_dim, what_, always_partial);
  }

  /// A block of Llama's form and names.
  Block llama_block(const std::string& at, const AttentionConfig& attention, FeedForward mlp);
  Block llama_block(const std::string& at, const AttentionConfig& attention, const MlpConfig& mlp) {
    return llama_block(at, attention, Mlp(source_, at + "mlp", mlp));
  }
  /// A block with one norm before attention and MLP, which run in parallel.
  Block parallel_block(const std::string& at, const AttentionConfig& attention,
                       const MlpConfig& mlp);

  struct PartsOptions {
    const char* norm_path = "model.norm";
    bool head_bias = false;
  };
  /// Embedding, layers made by `block(path of the layer with its dot, index)`, final norm and head.
  DecoderParts parts(const std::function<Block(const std::string& at, int index)>& block,
                     const PartsOptions& options);
  DecoderParts parts(const std::function<Block(const std::string& at, int index)>& block) {
    return parts(block, PartsOptions());
  }

  std::unique_ptr<Model> make(DecoderParts parts);

 private:
  nn::Norm norm(const std::string& path, int size);

  json config_json_;
  std::string what_;
  ConfigReader config_;
  TensorSource source_;
  bool has_own_head_;
  int hidden_size_, num_layers_;
  NormConfig norm_;
};

/// The window of each layer, 0 if it has none, from `layer_types` or, without it, from
/// `slides(index)`.
std::vector<int> layer_windows(const Family& family, const std::function<bool(int index)>& slides);

/// Qwen's: on the layers from `max_window_layers` on, if `use_sliding_window` is set.
std::vector<int> qwen_windows(const Family& family);

}  // namespace graft::models
