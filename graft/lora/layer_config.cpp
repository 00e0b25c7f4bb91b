#include "graft/lora/layer_config.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/io/yaml.h"
#include "graft/lora/peft_names.h"

namespace graft::lora {
namespace {

const std::set<std::string>& layer_keys() {
  static const std::set<std::string> keys = {
      "r", "lora_alpha", "scale", "lora_dropout", "target_modules", "exclude_modules",
      "rank_pattern", "alpha_pattern", "layers_to_transform", "layers_pattern", "use_rslora",
      "use_dora", "init_lora_weights",
      // What PEFT writes beside these.
      "peft_type", "task_type", "bias"};
  return keys;
}

ordered_json object_in(const std::string& text_or_path) {
  const size_t first = text_or_path.find_first_not_of(" \t\n\r");
  if (first != std::string::npos && text_or_path[first] == '{') {
    return io::parse_ordered_json(text_or_path, "`lora_config`");
  }
  const fs::path path = text_or_path;
  const std::string extension = path.extension().string();
  if (extension == ".yaml" || extension == ".yml") return io::read_yaml_map(path).json();
  return io::read_ordered_json_object(path);
}

std::string name_of_config(const std::string& text_or_path) {
  return text_or_path.find('{') == std::string::npos ? text_or_path : "`lora_config`";
}

// What PeftConfig reads of an adapter.
ordered_json of_adapter(ordered_json config, const std::vector<std::string>& default_keys) {
  config.erase("scale");
  config.erase("init_lora_weights");
  const auto targets = config.find("target_modules");
  if (targets == config.end() || targets->is_null()) config["target_modules"] = default_keys;
  return config;
}

InitialWeights initial_in(const ordered_json& config, const std::string& what) {
  const auto found = config.find("init_lora_weights");
  if (found == config.end() || found->is_null() || *found == true) return {};
  return InitialWeights::parse(found->is_string() ? found->get<std::string>() : found->dump(),
                               what + ": init_lora_weights");
}

}  // namespace

LayerConfig LayerConfig::read(const std::string& text_or_path,
                              const std::vector<std::string>& default_keys) {
  const ordered_json config = object_in(text_or_path);
  const std::string what = name_of_config(text_or_path);
  for (const auto& [key, value] : config.items()) {
    if (layer_keys().count(key) == 0)
      fail_usage("{}: there is no key {}", what, io::in_quotes(key));
  }
  return {config, what, default_keys};
}

LayerConfig::LayerConfig(const ordered_json& given, const std::string& what,
                         const std::vector<std::string>& default_keys)
    : what_(what),
      json_(given),
      peft_(of_adapter(given, default_keys), what),
      initial_(initial_in(given, what)) {
  if (peft_.bias() != PeftConfig::Bias::none) {
    fail_usage("{}: bias is of adapters that are read: biases are trained with `train_extra`",
               what);
  }
  const auto scale = given.find("scale");
  if (scale == given.end() || scale->is_null()) return;
  if (given.contains("lora_alpha")) {
    fail_usage("{}: scale and lora_alpha both say how much an update counts: give one", what);
  }
  if (!scale->is_number() || !std::isfinite(scale->get<float>())) {
    fail_usage("{}: scale must be a number, found {}", what, scale->dump());
  }
  scale_ = scale->get<float>();
}

LoraSettings LayerConfig::settings() const {
  return {.type = peft_.is_dora() ? FineTuneType::dora : FineTuneType::lora,
          .rank = peft_.r(),
          .scale = scale_.value_or(peft_.scale_of("")),
          .dropout = peft_.dropout(),
          .num_layers = -1,
          .keys = peft_.target_modules(),
          .rank_stabilized = peft_.is_rslora(),
          .initial = initial_};
}

std::vector<models::LinearPart> LayerConfig::adapted(
    const std::vector<models::LinearPart>& linears) const {
  std::vector<models::LinearPart> result;
  std::vector<std::string> all, targets;
  for (const models::LinearPart& linear : linears) {
    all.push_back(peft_module(linear.path()));
    if (!peft_.targets(all.back())) continue;
    result.push_back(linear);
    targets.push_back(all.back());
  }
  peft_.check_all_used(all, targets);
  return result;
}

int LayerConfig::rank_of(const models::LinearPart& linear) const {
  return peft_.rank_of(peft_module(linear.path()));
}

float LayerConfig::scale_of(const models::LinearPart& linear) const {
  const std::string module = peft_module(linear.path());
  if (scale_ && !peft_.has_own_alpha(module)) return *scale_;
  return peft_.scale_of(module);
}

}  // namespace graft::lora
