#include "graft/lora/mlx_lm_config.h"

#include <cmath>
#include <set>
#include <system_error>

#include "graft/base/atomic_file.h"
#include "graft/base/config_reader.h"
#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::lora {
namespace {

constexpr const char* kWrittenBy = "graft_version";  // the key that says that a config is ours

fs::path config_of(const fs::path& adapter_file) {
  return adapter_file.parent_path() / kAdapterConfig;
}

}  // namespace

std::string key_of(const std::string& path) {
  const size_t layers = path.find("layers.");
  if (layers == std::string::npos) return path;
  const size_t end = path.find('.', layers + std::string_view("layers.").size());
  return end == std::string::npos ? path : path.substr(end + 1);
}

bool is_mlx_lm_adapter(const fs::path& adapter_file) {
  return adapter_file.filename() == kMlxLmAdapter;
}

std::optional<LoraSettings> mlx_lm_settings(const fs::path& adapter_file) {
  const fs::path path = config_of(adapter_file);
  if (!is_there(path)) return std::nullopt;
  const json config = io::read_json_object(path);
  if (config.contains("peft_type")) {
    fail("{} is PEFT's: its adapters are not supported yet", path.string());
  }
  if (!config.contains("lora_parameters")) return std::nullopt;
  const ConfigReader read(config, path.string());
  if (const std::string type = read.text("fine_tune_type", "lora"); type != "lora") {
    fail("{}: fine_tune_type is {}; LoRA alone is supported", path.string(), io::in_quotes(type));
  }
  if (!config["lora_parameters"].is_object()) {
    fail("{}: lora_parameters must be an object", path.string());
  }
  const ConfigReader parameters(config["lora_parameters"], path.string() + ": lora_parameters");
  LoraSettings settings;
  settings.rank = static_cast<int>(parameters.integer("rank"));
  settings.scale = static_cast<float>(parameters.number("scale"));
  settings.dropout = static_cast<float>(parameters.number("dropout", 0.0));
  if (!std::isfinite(settings.scale) || !(settings.dropout >= 0 && settings.dropout < 1)) {
    fail("{}: scale or dropout is out of range", path.string());
  }
  settings.num_layers = static_cast<int>(read.integer("num_layers", -1, -1));
  if (config["lora_parameters"].contains("keys") && config["lora_parameters"]["keys"].is_array()) {
    for (const json& key : config["lora_parameters"]["keys"]) {
      if (key.is_string()) settings.keys.push_back(key);
    }
  }
  return settings;
}

void check_mlx_lm_config(const fs::path& adapter_file) {
  const fs::path path = config_of(adapter_file);
  if (!is_mlx_lm_adapter(adapter_file) || !is_there(path)) return;
  if (io::read_json_object(path).contains(kWrittenBy)) return;
  fail_usage(
      "{} is another program's, and says how {} is read: give the adapter another name or folder",
      path.string(), adapter_file.string());
}

MlxLmConfig::MlxLmConfig(const fs::path& adapter_file, const LoraSettings& settings,
                         const std::vector<std::string>& tensors)
    : path_(config_of(adapter_file)) {
  std::set<std::string> keys;
  for (const std::string& name : tensors) keys.insert(key_of(name.substr(0, name.rfind('.'))));
  const ordered_json config = {{"fine_tune_type", "lora"},
                               {kWrittenBy, GRAFT_VERSION},
                               {"lora_parameters",
                                {{"dropout", settings.dropout},
                                 {"keys", keys},
                                 {"rank", settings.rank},
                                 {"scale", settings.scale}}},
                               {"num_layers", settings.num_layers}};
  text_ = io::python_json(config);
}

bool MlxLmConfig::is_there_already() const { return is_there(path_) && read_text(path_) == text_; }

void MlxLmConfig::remove_another() const {
  std::error_code ignored;
  if (!is_there_already()) fs::remove(path_, ignored);
}

void MlxLmConfig::write() const {
  if (!is_there_already()) write_text(path_, text_);
}

}  // namespace graft::lora
