#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/base/json_types.h"
#include "graft/regex/name_pattern.h"

namespace graft::lora {

/// What PEFT's adapter_config.json says of a LoRA adapter, with the rules by which PEFT looks a
/// module up (peft/tuners/tuners_utils.py, check_target_module_exists; peft/utils/other.py,
/// get_pattern_key). A module is named as in the model: "model.layers.0.self_attn.q_proj".
class PeftConfig {
 public:
  /// Whose biases are trained: of all modules, or of those with an adapter.
  enum class Bias { none, all, lora_only };

  /// `what` names the file. Throws Error for another method than LoRA, for what graft has not, by
  /// its key, and for values that make no sense.
  PeftConfig(const ordered_json& config, const std::string& what);

  int r() const { return r_; }
  float dropout() const { return dropout_; }
  bool is_dora() const { return dora_; }
  bool is_rslora() const { return rslora_; }
  const std::string& base_model() const { return base_model_; }
  const std::string& revision() const { return revision_; }
  /// `target_modules` as they are listed; empty for an expression.
  const std::vector<std::string>& target_modules() const { return target_modules_.suffixes; }

  Bias bias() const { return bias_; }
  /// Whether a tied head follows the embedding, where that is one of modules_to_save or has an
  /// adapter (ensure_weight_tying): then no key names the head.
  bool ensures_tied() const { return ensures_tied_; }
  /// Whether modules_to_save has the module, or one that it is a part of. Names end in its entries,
  /// in the middle of a part, too (peft/utils/other.py, _set_trainable).
  bool saves(const std::string& module) const;

  /// Whether PEFT puts an adapter on the module.
  bool targets(const std::string& module) const;
  /// Whether it puts one on a parameter that is not a module's weight: "...mlp.experts.down_proj".
  bool targets_parameter(const std::string& parameter) const;
  int rank_of(const std::string& module) const;
  /// alpha / r, or with rank-stabilized LoRA alpha / sqrt(r).
  float scale_of(const std::string& module) const;
  /// Whether alpha_pattern says its alpha.
  bool has_own_alpha(const std::string& module) const;

  /// Throws UsageError, which names it, for an end or expression of target_modules and
  /// exclude_modules that matches none of a model's `modules`, a number of layers_to_transform
  /// that no one of them has, and a pattern of ranks or alphas that matches none of `adapted`.
  void check_all_used(const std::vector<std::string>& modules,
                      const std::vector<std::string>& adapted) const;

 private:
  // A list of names' ends, or an expression for the whole name.
  struct Modules {
    std::vector<std::string> suffixes;
    std::optional<regex::NamePattern> pattern;

    bool empty() const { return suffixes.empty() && !pattern; }
    bool has(const std::string& module) const;
  };
  template <class Value>
  struct Pattern {
    regex::NamePattern matcher;
    Value value;
    std::string text;  // as it is in the file
  };
  template <class Value>
  using Patterns = std::vector<Pattern<Value>>;

  void check_count(size_t count, const char* key) const;
  Modules modules_in(const ordered_json& config, const char* key) const;
  Patterns<double> patterns_in(const ordered_json& config, const char* key) const;
  void read_layers(const ordered_json& config);
  void read_targets(const ordered_json& config);
  void read_saved(const ordered_json& config);
  void refuse_what_is_not_supported(const ordered_json& config) const;
  std::optional<int64_t> layer_of(const std::string& module) const;
  bool is_in_layers(const std::string& module) const;

  std::string what_;
  int r_ = 8;
  double alpha_ = 8;
  float dropout_ = 0;
  bool rslora_ = false, dora_ = false, all_linear_ = false;
  Bias bias_ = Bias::none;
  bool ensures_tied_ = false;
  std::string base_model_, revision_;
  std::vector<std::string> modules_to_save_;
  Modules target_modules_, exclude_modules_, target_parameters_;
  std::optional<std::vector<int64_t>> layers_;
  std::vector<regex::NamePattern> layers_patterns_;
  Patterns<double> rank_pattern_, alpha_pattern_;
};

}  // namespace graft::lora
