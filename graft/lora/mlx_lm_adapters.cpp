// mlx-lm's folder of an adapter: adapters.safetensors and adapter_config.json. It makes all
// adapters with one rank and one scale and then takes their numbers from the file
// (mlx_lm/tuner/utils.py, load_adapters): what is written has the largest rank throughout, with
// zeros, and other scales are in lora_b.

#include <cmath>
#include <set>

#include "graft/base/config_reader.h"
#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/lora/adapter_format.h"
#include "graft/lora/adapter_metadata.h"
#include "graft/lora/config_beside.h"
#include "graft/lora/layer_key.h"
#include "graft/lora/layer_pairs.h"
#include "graft/lora/safetensors_adapters.h"
#include "graft/lora/same_form.h"

namespace graft::lora {
namespace {

constexpr const char* kWrittenBy = "graft_version";  // the key that says that a config is ours

LoraSettings settings_from(const json& config, const std::string& what) {
  const ConfigReader read(config, what);
  const std::string type = read.text("fine_tune_type", "lora");
  if (type == "full") {
    LoraSettings settings;
    settings.type = FineTuneType::full;
    settings.num_layers = static_cast<int>(read.integer("num_layers", -1, -(1 << 30)));
    if (settings.num_layers < 1) settings.num_layers = -1;
    return settings;
  }
  if (type != "lora" && type != "dora") {
    fail("{}: fine_tune_type is {}; lora, dora and full are supported", what, io::in_quotes(type));
  }
  if (!config["lora_parameters"].is_object()) {
    fail("{}: lora_parameters must be an object", what);
  }
  const json& parameters = config["lora_parameters"];
  const ConfigReader values(parameters, what + ": lora_parameters");
  LoraSettings settings;
  settings.type = fine_tune_type(type);
  settings.rank = static_cast<int>(values.integer("rank"));
  settings.scale = static_cast<float>(values.number("scale"));
  settings.dropout = static_cast<float>(values.number("dropout", 0.0));
  if (!std::isfinite(settings.scale) || !(settings.dropout >= 0 && settings.dropout < 1)) {
    fail("{}: scale or dropout is out of range", what);
  }
  settings.num_layers = static_cast<int>(read.integer("num_layers", -1, -1));
  if (parameters.contains("keys") && parameters["keys"].is_array()) {
    for (const json& key : parameters["keys"]) {
      if (key.is_string()) settings.keys.push_back(key);
    }
  }
  return settings;
}

ordered_json config_of(const AdapterFile& file, const LoraSettings& settings) {
  if (settings.type == FineTuneType::full) {
    return {{"fine_tune_type", "full"},
            {kWrittenBy, GRAFT_VERSION},
            {"lora_parameters", nullptr},
            {"num_layers", settings.num_layers}};
  }
  std::set<std::string> keys;
  for (const auto& [name, tensor] : file.tensors) {
    keys.insert(key_of(name.substr(0, name.rfind('.'))));
  }
  return {{"fine_tune_type", name_of(settings.type)},
          {kWrittenBy, GRAFT_VERSION},
          {"lora_parameters",
           {{"dropout", settings.dropout},
            {"keys", keys},
            {"rank", settings.half_is_frozen ? 2 * settings.rank : settings.rank},
            {"scale", settings.scale}}},
          {"num_layers", settings.num_layers}};
}

}  // namespace

std::optional<LoraSettings> mlx_lm_settings_beside(const fs::path& adapter_file) {
  const std::optional<json> config = config_beside(adapter_file);
  if (!config || config->contains("peft_type")) return {};
  if (!config->contains("lora_parameters") && config->value("fine_tune_type", json()) != "full") {
    return {};
  }
  return settings_from(*config, config_path(adapter_file).string());
}

namespace {

void read_mlx_lm(AdapterFile& file) {
  SafetensorsContents contents = read_safetensors_adapter(file.path);
  file.tensors = std::move(contents.tensors);
  take_metadata(file, contents.metadata);
  const std::optional<json> config = config_beside(file.path);
  if (!config) return split_weights(file);
  const std::string what = config_path(file.path).string();
  if (config->contains("peft_type")) {
    fail("{} is PEFT's, but {} beside it is mlx-lm's: remove the one that is wrong", what,
         file.path.filename().string());
  }
  const auto beside = mlx_lm_settings_beside(file.path);
  if (beside && (beside->type == FineTuneType::dora) != is_dora(file)) {
    fail("{} {} DoRA's magnitudes, but {} beside it says fine_tune_type {}", file.path.string(),
         is_dora(file) ? "has" : "lacks", kAdapterConfig, name_of(beside->type));
  }
  if (!file.settings) {
    file.settings = beside;
  } else if (beside && beside->type != file.settings->type) {
    fail("{} says that its fine_tune_type is {}, but {} beside it {}: remove the one that is wrong",
         file.path.string(), name_of(file.settings->type), kAdapterConfig, name_of(beside->type));
  } else if (beside && beside->type != FineTuneType::full &&
             file.settings->scale != beside->scale) {
    fail("{} says that its scale is {}, but {} beside it {}: remove the one that is wrong",
         file.path.string(), file.settings->scale, kAdapterConfig, beside->scale);
  }
  split_weights(file);
  if (beside && beside->type == FineTuneType::full && file.weights.empty()) {
    fail("{} holds adapters alone, but {} beside it says fine_tune_type full", file.path.string(),
         kAdapterConfig);
  }
}

void check_mlx_lm(const fs::path& path) {
  const std::optional<json> config = config_beside(path);
  if (!config || config->contains(kWrittenBy)) return;
  fail_usage(
      "{} is another program's, and says how {} is read: give the adapter another name or folder",
      config_path(path).string(), path.string());
}

// One rank for all layers takes more than their own.
void check_room_in_mlx_lm(const AdapterFile& file) {
  if (file.weights.empty()) in_one_form(file);
}

void write_mlx_lm(const AdapterFile& given) {
  check_mlx_lm(given.path);
  AdapterFile file = given;
  if (given.weights.empty()) {
    file = in_one_form(given);
    file.settings->type = is_dora(file) ? FineTuneType::dora : FineTuneType::lora;
  } else if (!given.tensors.empty()) {
    fail(
        "{}: mlx-lm takes no weights that are trained as they are beside adapters ({}): `graft "
        "fuse` makes a model of them, and `.npz` and `.safetensors` hold them",
        given.path.string(), given.weights.begin()->first);
  }
  if (file.base.model_type == "mixtral") file = with_mixtral_names(file);
  const NewConfig config(file.path, config_of(file, *file.settings));
  config.remove_another();
  write_safetensors_adapter(file.path, all_tensors(file), metadata_of(file), "mlx");
  config.write();
}

}  // namespace

const AdapterFormat kMlxLmAdapters{.name = "mlx-lm",
                                   .file_name = "adapters.safetensors",
                                   .extension = "",
                                   .read = read_mlx_lm,
                                   .write = write_mlx_lm,
                                   .has_config = true,
                                   .holds_weights_beside_adapters = false,
                                   .check = check_mlx_lm,
                                   .check_room = check_room_in_mlx_lm};

}  // namespace graft::lora
