#include "graft/io/model_folder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <system_error>

#include "graft/base/atomic_folder.h"
#include "graft/base/error.h"
#include "graft/io/fused_experts.h"

namespace graft::io {
namespace {

constexpr int kMostTries = 5;  // to open a folder that is replaced meanwhile

bool is_rotary_frequency(std::string_view name) { return name.ends_with(".rotary_emb.inv_freq"); }

void require_folder(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return;
  if (path.extension() == ".gguf" && !fs::exists(path, ignored)) {
    fail("there is no GGUF file {}", path.string());
  }
  if (path.extension() == ".gguf") {
    fail_usage(
        "{} is a GGUF file, not a model folder: convert it first with graft convert `hf_path` {}",
        path.string(), path.string());
  }
  if (fs::exists(path, ignored)) fail("{} is a file, not a model folder", path.string());
  fail("there is no model folder {}", path.string());
}

// Names come from others: nothing outside the folder may be reached.
bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

// Files named as shards are, sorted.
std::vector<std::string> shards_in(const fs::path& folder) {
  std::vector<std::string> shards;
  for (const fs::path& path : entries_of(folder)) {
    const std::string name = path.filename().string();
    if (name.starts_with("model-") && name.ends_with(".safetensors")) shards.push_back(name);
  }
  return shards;
}

}  // namespace

ModelFolder ModelFolder::open(const fs::path& path) {
  recover_idle_folder(path);
  for (int tries = 0; tries < kMostTries; ++tries) {
    ModelFolder folder = open_once(path);
    if (folder.is_current()) return folder;
  }
  fail("{} is replaced again and again while it is read", path.string());
}

ModelFolder ModelFolder::of_config(const fs::path& path, json config) {
  ModelFolder folder;
  folder.path_ = path;
  folder.config_ = std::move(config);
  folder.config_alone_ = true;
  return folder;
}

bool ModelFolder::is_current() const {
  return config_alone_ || FileIdentity::of(path_) == identity_;
}

ModelFolder ModelFolder::open_once(const fs::path& path) {
  require_folder(path);
  ModelFolder folder;
  folder.path_ = path;
  folder.identity_ = FileIdentity::of(path);
  if (!is_there(path / "config.json")) {
    fail("{} is not a model folder: it has no config.json", path.string());
  }
  folder.config_ = read_json_object(path / "config.json");
  folder.open_weights();
  for (const auto& [name, tensor] : folder.tensors_) folder.names_.push_back(name);
  return folder;
}

// Which files: as in transformers the single one if it is there, whatever an index beside it says;
// else the shards that the index names, or without an index, as in mlx-lm, all that lie there.
void ModelFolder::open_weights() {
  if (is_there(path_ / kWeightsFile)) {
    open_files({kWeightsFile});
    return;
  }
  if (is_there(path_ / kWeightsIndex)) return open_shards(path_ / kWeightsIndex);
  const std::vector<std::string> shards = shards_in(path_);
  if (!shards.empty()) {
    open_files(shards);
    return;
  }
  const bool pickled =
      is_there(path_ / "pytorch_model.bin") || is_there(path_ / "pytorch_model.bin.index.json");
  fail("{} has neither {} nor {}{}", path_.string(), kWeightsFile, kWeightsIndex,
       pickled
           ? ": its weights are PyTorch pickles, of which only a safetensors version can be read"
           : "");
}

// What the files' own headers say is there.
std::set<std::string> ModelFolder::open_files(const std::vector<std::string>& files) {
  std::set<std::string> stored;
  for (const std::string& name : files) {
    const auto file = std::make_shared<const SafetensorsFile>(path_ / name);
    for (const std::string& tensor : file->names()) add(tensor, file);
    stored.insert(file->names().begin(), file->names().end());
  }
  return stored;
}

void ModelFolder::add(const std::string& name,
                      const std::shared_ptr<const SafetensorsFile>& shard) {
  if (is_rotary_frequency(name)) return;
  const TensorInfo& info = shard->info(name);
  const auto experts = experts_of_transformers_5(name, info, text_at(config_, "model_type"));
  for (const auto& [own, part] : experts) tensors_.emplace(own, Tensor{shard, part});
  if (experts.empty()) tensors_.emplace(name, Tensor{shard, info});
}

std::map<std::string, std::string> read_weight_map(const fs::path& index) {
  json content = read_json_object(index);
  auto weight_map = content.find("weight_map");
  if (weight_map == content.end() || !weight_map->is_object()) {
    fail("{}: no \"weight_map\" object", index.string());
  }
  std::map<std::string, std::string> files;
  for (const auto& [name, value] : weight_map->items()) {
    if (!value.is_string())
      fail("{}: the file of {} is not a string", index.string(), in_quotes(name));
    const auto& file_name = value.get_ref<const std::string&>();
    if (!is_plain_file_name(file_name)) {
      fail("{}: the file {} of {} is not a plain file name", index.string(), in_quotes(file_name),
           in_quotes(name));
    }
    files[name] = file_name;
  }
  return files;
}

std::map<fs::path, std::shared_ptr<const SafetensorsFile>> ModelFolder::files() const {
  std::map<fs::path, std::shared_ptr<const SafetensorsFile>> files;
  for (const auto& [name, tensor] : tensors_) files.emplace(tensor.shard->path(), tensor.shard);
  return files;
}

void ModelFolder::open_shards(const fs::path& index) {
  const std::map<std::string, std::string> weight_map = read_weight_map(index);
  std::set<std::string> files;
  for (const auto& [name, file] : weight_map) files.insert(file);
  for (const std::string& file : files) {
    if (is_there(path_ / file)) continue;
    const std::vector<std::string> there = shards_in(path_);
    fail("{}: {}, which {} names, is missing: perhaps an incomplete download? {}", path_.string(),
         file, kWeightsIndex,
         there.empty() ? "No shard is there"
                       : fmt::format("There {}: {}", there.size() == 1 ? "is" : "are",
                                     fmt::join(there, ", ")));
  }
  const std::set<std::string> stored = open_files({files.begin(), files.end()});
  for (const auto& [name, file] : weight_map) {
    if (stored.count(name) > 0) continue;
    fail("{} names a tensor {} in {}, but it is in no shard", index.string(), in_quotes(name),
         file);
  }
}

bool ModelFolder::same_layer(const std::string& path, const std::string& other) const {
  for (const char* part : {".weight", ".scales", ".biases"}) {
    if (has(path + part) != has(other + part)) return false;
    if (!has(path + part)) continue;
    const mx::array one = load(path + part), two = load(other + part);
    if (one.shape() != two.shape() || one.dtype() != two.dtype() ||
        std::memcmp(one.data<char>(), two.data<char>(), one.nbytes()) != 0) {
      return false;
    }
  }
  return has(path + ".weight");
}

const ModelFolder::Tensor& ModelFolder::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    fail("{}: the model has no tensor {}", path_.string(), in_quotes(name));
  }
  return found->second;
}

std::optional<mx::Dtype> config_dtype(const json& config) {
  for (const char* key : {"dtype", "torch_dtype"}) {
    auto found = config.find(key);
    if (found != config.end() && found->is_string()) {
      return dtype_from_name(found->get<std::string>());
    }
  }
  return std::nullopt;
}

}  // namespace graft::io
