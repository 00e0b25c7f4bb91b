#include "graft/lora/adapter_metadata.h"

#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "graft/base/config_reader.h"
#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::lora {
namespace {

constexpr size_t kMostProvenance = 32768;  // bytes
constexpr size_t kMostConfig = 16384;

LoraSettings settings_from(const json& object, const std::string& what) {
  const ConfigReader read(object, what);
  LoraSettings settings;
  const std::string type = read.text("fine_tune_type", "lora");
  if (type != "lora" && type != "dora" && type != "full") {
    fail("{}: fine_tune_type is {}; lora, dora and full are supported", what, io::in_quotes(type));
  }
  settings.type = fine_tune_type(type);
  settings.rank = static_cast<int>(read.integer("rank"));
  settings.scale = static_cast<float>(read.number("scale"));
  if (!std::isfinite(settings.scale)) fail("{}: scale is too large", what);
  settings.dropout = static_cast<float>(read.number("dropout", 0.0));
  if (!(settings.dropout >= 0 && settings.dropout < 1)) {
    fail("{}: dropout must be at least 0 and below 1, found {}", what, settings.dropout);
  }
  settings.num_layers = static_cast<int>(read.integer("num_layers", -1, -1));
  settings.rank_stabilized = read.boolean("rslora", false);
  settings.half_is_frozen = read.boolean("half_is_frozen", false);
  if (object.contains("keys") && object["keys"].is_array()) {
    for (const json& key : object["keys"]) {
      if (key.is_string()) settings.keys.push_back(key);
    }
  }
  if (object.contains("train_extra") && object["train_extra"].is_array()) {
    for (const json& key : object["train_extra"]) {
      if (key.is_string()) settings.extra.push_back(key);
    }
  }
  return settings;
}

std::map<std::string, float> scales_from(const json& object, const std::string& what) {
  std::map<std::string, float> scales;
  const auto found = object.find("scales");
  if (found == object.end()) return scales;
  if (!found->is_object()) fail("{}: scales must be an object", what);
  const ConfigReader read(*found, what + ": scales");
  for (const auto& [layer, value] : found->items()) {
    scales[layer] = static_cast<float>(read.number(layer.c_str()));
    if (!std::isfinite(scales[layer])) fail("{}: the scale of {} is too large", what, layer);
  }
  return scales;
}

// The shortest number that is read as the same float.
double shortest(float value) {
  const double number = std::strtod(fmt::format("{}", value).c_str(), nullptr);
  return static_cast<float>(number) == value ? number : value;
}

}  // namespace

std::string metadata_of(const AdapterFile& file, size_t most) {
  const auto replace = json::error_handler_t::replace;
  io::Provenance provenance = file.provenance;
  while (provenance.steps.size() > 1 && provenance.to_json().dump().size() > kMostProvenance) {
    provenance.steps.erase(provenance.steps.begin());
  }
  json object = {{"base_fingerprint", file.base_fingerprint},
                 {"version", GRAFT_VERSION},
                 {"provenance", provenance.to_json()}};
  if (file.settings) {
    const LoraSettings& s = *file.settings;
    object.update({{"rank", s.rank},
                   {"scale", s.scale},
                   {"dropout", s.dropout},
                   {"num_layers", s.num_layers},
                   {"keys", s.keys}});
    if (s.rank_stabilized) object["rslora"] = true;
    if (s.half_is_frozen) object["half_is_frozen"] = true;
    if (s.type != FineTuneType::lora) object["fine_tune_type"] = name_of(s.type);
    if (!s.extra.empty()) object["train_extra"] = s.extra;
  }
  for (const auto& [layer, scale] : file.scales) object["scales"][layer] = shortest(scale);
  if (file.ties_head && !file.weights.empty()) object["ties_head"] = *file.ties_head;
  if (!file.base.model_type.empty()) object["base_model_type"] = file.base.model_type;
  if (file.base.head_dim > 0) object["base_head_dim"] = file.base.head_dim;
  if (file.base.tied_head) object["base_tied_head"] = *file.base.tied_head;
  if (!file.config.empty() && file.config.dump(-1, ' ', false, replace).size() <= kMostConfig) {
    object["config"] = file.config;
  }
  const auto text = [&] { return json{{kSettingsKey, object}}.dump(-1, ' ', false, replace); };
  // What says how the adapter is computed with stays.
  if (text().size() > most) object.erase("config");
  while (provenance.steps.size() > 1 && text().size() > most) {
    provenance.steps.erase(provenance.steps.begin());
    object["provenance"] = provenance.to_json();
  }
  if (text().size() > most) object.erase("provenance");
  if (text().size() > most) {
    fail(
        "{}: the scales of {} layers do not fit into its {} bytes of settings: `.safetensors` has "
        "room for them",
        file.path.string(), file.scales.size(), most);
  }
  return text();
}

void take_metadata(AdapterFile& file, const std::string& text) {
  if (text.empty()) return;
  const std::string what = file.path.string() + ": its settings";
  const json whole = io::parse_json(text, what);
  if (!whole.is_object() || !whole.contains(kSettingsKey)) return;
  const json& object = whole[kSettingsKey];
  if (!object.is_object()) fail("{}: {} must be an object", what, kSettingsKey);
  file.settings = settings_from(object, what);
  file.scales = scales_from(object, what);
  if (object.contains("ties_head")) {
    file.ties_head = ConfigReader(object, what).boolean("ties_head", true);
  }
  file.base_fingerprint = ConfigReader(object, what).text("base_fingerprint", "");
  file.base.model_type = ConfigReader(object, what).text("base_model_type", "");
  file.base.head_dim = static_cast<int>(ConfigReader(object, what).integer("base_head_dim", 0, 0));
  if (object.contains("base_tied_head")) {
    file.base.tied_head = ConfigReader(object, what).boolean("base_tied_head", false);
  }
  file.provenance = io::Provenance::from_json(object.value("provenance", json()));
  const auto config = object.find("config");
  if (config != object.end() && config->is_object()) file.config = *config;
}

}  // namespace graft::lora
