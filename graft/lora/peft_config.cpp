#include "graft/lora/peft_config.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <set>

#include "graft/base/config_reader.h"
#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/lora/module_name.h"

namespace graft::lora {
namespace {

constexpr int kMostRank = 1 << 20;
// Expressions of one key: several times the matrices of any model, each of which is matched with
// all of them.
constexpr size_t kMostPatterns = 1 << 15;

// Keys that say nothing of what the adapter computes, or that are read.
const std::set<std::string>& taken_keys() {
  static const std::set<std::string> keys = {"alpha_pattern",
                                             "auto_mapping",
                                             "base_model_name_or_path",
                                             "bias",
                                             "corda_config",
                                             "ensure_weight_tying",
                                             "eva_config",
                                             "exclude_modules",
                                             "fan_in_fan_out",
                                             "inference_mode",
                                             "init_lora_weights",
                                             "layers_pattern",
                                             "layers_to_transform",
                                             "loftq_config",
                                             "lora_alpha",
                                             "lora_dropout",
                                             "lora_ga_config",
                                             "megatron_core",
                                             "merge_weights",
                                             "modules_to_save",
                                             "peft_type",
                                             "peft_version",
                                             "qalora_group_size",
                                             "r",
                                             "rank_pattern",
                                             "revision",
                                             "runtime_config",
                                             "target_modules",
                                             "target_parameters",
                                             "task_type",
                                             "use_dora",
                                             "use_rslora"};
  return keys;
}

// Null, false, 0, "", [] and {}.
bool is_nothing(const ordered_json& value) {
  return value.is_null() || value == false || value == 0 || value == "" ||
         ((value.is_array() || value.is_object()) && value.empty());
}

// Ways to begin that change the base model's weights: the adapter is of the changed ones.
bool changes_the_base(const ordered_json& init) {
  if (!init.is_string()) return false;
  const auto name = init.get<std::string>();
  return name.starts_with("pissa") || name == "olora" || name == "loftq" || name == "corda" ||
         name == "lora_ga";
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

bool PeftConfig::Modules::has(const std::string& module) const {
  if (pattern) return pattern->matches(module);
  return std::any_of(suffixes.begin(), suffixes.end(),
                     [&](const std::string& suffix) { return names_module(suffix, module); });
}

PeftConfig::PeftConfig(const ordered_json& config, const std::string& what) : what_(what) {
  refuse_what_is_not_supported(config);
  const json plain = config;
  const ConfigReader read(plain, what);
  r_ = static_cast<int>(read.integer("r", 8));
  alpha_ = read.number("lora_alpha", 8);
  dropout_ = static_cast<float>(read.number("lora_dropout", 0.0));
  if (!(dropout_ >= 0 && dropout_ < 1)) {
    fail("{}: lora_dropout must be at least 0 and below 1, found {}", what, dropout_);
  }
  rslora_ = read.boolean("use_rslora", false);
  dora_ = read.boolean("use_dora", false);
  base_model_ = read.text("base_model_name_or_path", "");
  revision_ = read.text("revision", "");
  rank_pattern_ = patterns_in(config, "rank_pattern");
  for (const auto& [pattern, rank, text] : rank_pattern_) {
    if (rank != std::floor(rank) || rank < 1 || rank > kMostRank) {
      fail("{}: rank_pattern has the rank {}", what, rank);
    }
  }
  alpha_pattern_ = patterns_in(config, "alpha_pattern");
  ensures_tied_ = read.boolean("ensure_weight_tying", false);
  read_targets(config);
  read_saved(config);
  read_layers(config);
}

void PeftConfig::refuse_what_is_not_supported(const ordered_json& config) const {
  const auto type = config.value("peft_type", ordered_json("LORA"));
  if (type != "LORA") {
    fail("{}: peft_type is {}; of PEFT's methods LoRA alone is supported", what_,
         type.is_string() ? io::in_quotes(type.get<std::string>()) : type.dump());
  }
  if (const auto init = config.find("init_lora_weights");
      init != config.end() && changes_the_base(*init)) {
    fail(
        "{}: init_lora_weights is {}, which changes the base model's weights: save the adapter "
        "for the unchanged ones (PEFT's path_initial_model_for_weight_conversion)",
        what_, io::in_quotes(init->get<std::string>()));
  }
  for (const auto& [key, value] : config.items()) {
    if (taken_keys().count(key) > 0 || is_nothing(value) || key == "megatron_config") continue;
    fail("{}: {} is set, which is not supported", what_, io::in_quotes(key));
  }
}

PeftConfig::Modules PeftConfig::modules_in(const ordered_json& config, const char* key) const {
  Modules modules;
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return modules;
  if (found->is_string()) {
    modules.pattern.emplace(found->get<std::string>(), fmt::format("{}: {}", what_, key));
    return modules;
  }
  if (!found->is_array()) fail("{}: {} must be a list or an expression", what_, key);
  for (const ordered_json& name : *found) {
    if (!name.is_string()) fail("{}: {} must be a list of texts", what_, key);
    modules.suffixes.push_back(name);
  }
  return modules;
}

void PeftConfig::read_targets(const ordered_json& config) {
  const auto found = config.find("target_modules");
  if (found != config.end() && found->is_string() &&
      lower(found->get<std::string>()) == "all-linear") {
    all_linear_ = true;
  } else {
    target_modules_ = modules_in(config, "target_modules");
  }
  exclude_modules_ = modules_in(config, "exclude_modules");
  target_parameters_ = modules_in(config, "target_parameters");
  if (target_parameters_.pattern) fail("{}: target_parameters must be a list", what_);
}

void PeftConfig::check_count(size_t count, const char* key) const {
  if (count <= kMostPatterns) return;
  fail("{}: {} has {} expressions, more than the {} that are read", what_, key, count,
       kMostPatterns);
}

void PeftConfig::read_saved(const ordered_json& config) {
  const Modules saved = modules_in(config, "modules_to_save");
  const auto& names = modules_to_save_ = saved.suffixes;
  check_count(names.size(), "modules_to_save");
  // An empty name is the end of all.
  if (saved.pattern || std::find(names.begin(), names.end(), "") != names.end()) {
    fail("{}: modules_to_save must be a list of names", what_);
  }
  const auto bias = config.find("bias");
  if (bias == config.end() || bias->is_null() || *bias == "none") return;
  if (*bias != "all" && *bias != "lora_only") {
    fail("{}: bias must be none, all or lora_only, found {}", what_,
         bias->is_string() ? io::in_quotes(bias->get<std::string>()) : bias->dump());
  }
  bias_ = *bias == "all" ? Bias::all : Bias::lora_only;
}

PeftConfig::Patterns<double> PeftConfig::patterns_in(const ordered_json& config,
                                                     const char* key) const {
  Patterns<double> patterns;
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return patterns;
  if (!found->is_object()) fail("{}: {} must be an object", what_, key);
  check_count(found->size(), key);
  for (const auto& [pattern, value] : found->items()) {
    if (!value.is_number() || !std::isfinite(value.get<double>())) {
      fail("{}: {} must have numbers, found {} for {}", what_, key, value.dump(),
           io::in_quotes(pattern));
    }
    patterns.push_back({regex::NamePattern("(.*\\.)?(" + pattern + ")", what_ + ": " + key),
                        value.get<double>(), pattern});
  }
  return patterns;
}

void PeftConfig::read_layers(const ordered_json& config) {
  const auto layers = config.find("layers_to_transform");
  if (layers != config.end() && !is_nothing(*layers)) {
    layers_.emplace();
    const ordered_json list = layers->is_array() ? *layers : ordered_json::array({*layers});
    for (const ordered_json& layer : list) {
      if (!layer.is_number_integer()) {
        fail("{}: layers_to_transform must be a number or a list of numbers", what_);
      }
      layers_->push_back(layer.get<int64_t>());
    }
  } else if (layers != config.end() && *layers == 0) {
    layers_ = std::vector<int64_t>{0};
  }
  const auto pattern = config.find("layers_pattern");
  if (pattern == config.end() || is_nothing(*pattern)) return;
  const ordered_json list = pattern->is_array() ? *pattern : ordered_json::array({*pattern});
  check_count(list.size(), "layers_pattern");
  for (const ordered_json& one : list) {
    if (!one.is_string()) fail("{}: layers_pattern must be a text or a list of texts", what_);
    layers_patterns_.emplace_back("(?:.*\\.)?(?:" + one.get<std::string>() + ")",
                                  what_ + ": layers_pattern");
  }
}

// The number that counts is the first one behind two parts of the name, or behind the first of the
// patterns that has one.
std::optional<int64_t> PeftConfig::layer_of(const std::string& module) const {
  const auto number_behind = [&](const auto& counts) -> std::optional<int64_t> {
    for (size_t dot = module.find('.'); dot != std::string::npos; dot = module.find('.', dot + 1)) {
      int64_t number = -1;
      const char* begin = module.data() + dot + 1;
      const char* end = module.data() + module.size();
      const auto [stop, error] = std::from_chars(begin, end, number);
      if (error != std::errc() || number < 0 || *begin == '-' || stop == end || *stop != '.') {
        continue;
      }
      if (counts(module.substr(0, dot))) return number;
    }
    return {};
  };
  std::optional<int64_t> layer;
  if (layers_patterns_.empty()) {
    layer = number_behind(
        [](const std::string& before) { return before.find('.') != std::string::npos; });
  }
  for (const regex::NamePattern& pattern : layers_patterns_) {
    if (layer) break;
    layer = number_behind([&](const std::string& before) { return pattern.matches(before); });
  }
  return layer;
}

bool PeftConfig::is_in_layers(const std::string& module) const {
  if (!layers_) return true;
  const auto layer = layer_of(module);
  return layer && std::find(layers_->begin(), layers_->end(), *layer) != layers_->end();
}

bool PeftConfig::saves(const std::string& module) const {
  for (size_t end = module.find('.'); true; end = module.find('.', end + 1)) {
    const std::string_view part = std::string_view(module).substr(0, end);
    for (const std::string& name : modules_to_save_) {
      if (part.ends_with(name)) return true;
    }
    if (end == std::string::npos) return false;
  }
}

bool PeftConfig::targets(const std::string& module) const {
  if (!exclude_modules_.empty() && exclude_modules_.has(module)) return false;
  // What is saved as it is gets none, by whole parts of its name.
  const std::string parts = "." + module + ".";
  for (const std::string& name : modules_to_save_) {
    if (parts.find("." + name + ".") != std::string::npos) return false;
  }
  if (all_linear_) return !names_module("lm_head", module) && !names_module("embed_tokens", module);
  if (!target_modules_.has(module)) return false;
  return target_modules_.pattern || is_in_layers(module);
}

bool PeftConfig::targets_parameter(const std::string& parameter) const {
  return target_parameters_.has(parameter);
}

int PeftConfig::rank_of(const std::string& module) const {
  for (const auto& [pattern, rank, text] : rank_pattern_) {
    if (pattern.matches(module)) return static_cast<int>(rank);
  }
  return r_;
}

bool PeftConfig::has_own_alpha(const std::string& module) const {
  return std::any_of(alpha_pattern_.begin(), alpha_pattern_.end(),
                     [&](const auto& pattern) { return pattern.matcher.matches(module); });
}

void PeftConfig::check_all_used(const std::vector<std::string>& modules,
                                const std::vector<std::string>& adapted) const {
  const auto any = [](const std::vector<std::string>& names, const auto& counts) {
    return std::any_of(names.begin(), names.end(), counts);
  };
  const auto check_modules = [&](const Modules& named, const char* key) {
    for (const std::string& suffix : named.suffixes) {
      if (any(modules, [&](const std::string& m) { return names_module(suffix, m); })) continue;
      fail_usage("{}: {}: {} matches no linear layer of this model", what_, key,
                 io::in_quotes(suffix));
    }
    if (named.pattern && !any(modules, [&](const auto& m) { return named.pattern->matches(m); })) {
      fail_usage("{}: {} matches no linear layer of this model", what_, key);
    }
  };
  check_modules(target_modules_, "target_modules");
  check_modules(exclude_modules_, "exclude_modules");
  if (layers_) {
    for (const int64_t number : *layers_) {
      if (any(modules, [&](const std::string& m) { return layer_of(m) == number; })) continue;
      fail_usage("{}: layers_to_transform: the model has no layer {}", what_, number);
    }
  }
  const auto check_patterns = [&](const Patterns<double>& patterns, const char* key) {
    for (const auto& [pattern, value, text] : patterns) {
      if (any(adapted, [&p = pattern](const std::string& m) { return p.matches(m); })) continue;
      fail_usage("{}: {}: {} matches no layer that gets an adapter", what_, key,
                 io::in_quotes(text));
    }
  };
  check_patterns(rank_pattern_, "rank_pattern");
  check_patterns(alpha_pattern_, "alpha_pattern");
  if (adapted.empty()) fail_usage("{}: no layer of this model gets an adapter", what_);
}

float PeftConfig::scale_of(const std::string& module) const {
  double alpha = alpha_;
  for (const auto& [pattern, value, text] : alpha_pattern_) {
    if (!pattern.matches(module)) continue;
    alpha = value;
    break;
  }
  const double rank = rank_of(module);
  const auto scale = static_cast<float>(alpha / (rslora_ ? std::sqrt(rank) : rank));
  if (!std::isfinite(scale)) fail("{}: lora_alpha is too large", what_);
  return scale;
}

}  // namespace graft::lora
