#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/io/json.h"
#include "graft/io/safetensors.h"

namespace graft::io {

/// A folder that holds a model: `config.json`, and its tensors in `model.safetensors` or in the
/// shards that `model.safetensors.index.json` names. No other file is read. Rotary frequencies
/// that old checkpoints store (`*.rotary_emb.inv_freq`) are left out: they follow from the config.
/// Experts in the layout of transformers 5 have the names of checkpoints before it.
class ModelFolder {
 public:
  /// Opens a folder and checks every file it names. Throws Error naming what is missing or wrong,
  /// UsageError for a GGUF file.
  static ModelFolder open(const fs::path& path);

  /// A model of which only the config is known, the weights being elsewhere or nowhere: for plans.
  /// It has no tensors; `path` names it in messages.
  static ModelFolder of_config(const fs::path& path, json config);

  /// Whether its weights are not there: see of_config.
  bool is_config_alone() const { return config_alone_; }
  const json& config() const { return config_; }
  const fs::path& path() const { return path_; }

  /// Sorted.
  const std::vector<std::string>& names() const { return names_; }
  bool has(const std::string& name) const { return tensors_.count(name) > 0; }
  /// Throws Error if there is no such tensor.
  const TensorInfo& info(const std::string& name) const { return tensor(name).info; }
  /// A view of the mapped file. Throws Error if there is no such tensor.
  mx::array load(const std::string& name) const {
    const Tensor& found = tensor(name);
    return found.shard->load(found.info);
  }
  /// Whether two layers' weights (with scales and biases where they are quantized) are there and
  /// the same, bit by bit.
  bool same_layer(const std::string& path, const std::string& other) const;
  /// The files that its tensors are in, by path.
  std::map<fs::path, std::shared_ptr<const SafetensorsFile>> files() const;
  /// Whether the path still names the folder that was opened: a new model may have taken its place.
  bool is_current() const;
  /// Drops a tensor's pages from memory until they are read again.
  void release(const std::string& name) const {
    const Tensor& found = tensor(name);
    found.shard->release(found.info);
  }
  /// Has the system begin to read a tensor.
  void prefetch(const std::string& name) const {
    const Tensor& found = tensor(name);
    found.shard->prefetch(found.info);
  }

 private:
  ModelFolder() = default;
  static ModelFolder open_once(const fs::path& path);
  void open_weights();
  // Returns the names that the files have for their tensors.
  std::set<std::string> open_files(const std::vector<std::string>& files);
  void open_shards(const fs::path& index);
  void add(const std::string& name, const std::shared_ptr<const SafetensorsFile>& shard);
  // Where a tensor is.
  struct Tensor {
    std::shared_ptr<const SafetensorsFile> shard;
    TensorInfo info;
  };
  const Tensor& tensor(const std::string& name) const;

  fs::path path_;
  FileIdentity identity_;
  json config_;
  bool config_alone_ = false;
  std::vector<std::string> names_;
  std::map<std::string, Tensor> tensors_;
};

/// The files of a model's weights: one, or the shards that an index names.
inline constexpr const char* kWeightsFile = "model.safetensors";
inline constexpr const char* kWeightsIndex = "model.safetensors.index.json";

/// The file of each tensor, from a shard index. Throws Error unless all are plain file names.
std::map<std::string, std::string> read_weight_map(const fs::path& index);

/// The dtype that a config names for weights that are not quantized ("dtype", else the older
/// "torch_dtype"), if any.
std::optional<mx::Dtype> config_dtype(const json& config);

}  // namespace graft::io
