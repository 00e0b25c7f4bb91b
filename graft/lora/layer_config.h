#pragma once

#include <string>
#include <vector>

#include "graft/base/json_types.h"
#include "graft/lora/adapters.h"
#include "graft/lora/initial.h"
#include "graft/lora/peft_config.h"
#include "graft/models/parts.h"

namespace graft::lora {

/// Which layers a training adapts and with what rank and scale each, by the keys of PEFT's
/// LoraConfig: r, lora_alpha or in its place `scale`, lora_dropout, target_modules,
/// exclude_modules, rank_pattern, alpha_pattern, layers_to_transform, layers_pattern, use_rslora,
/// use_dora and init_lora_weights.
class LayerConfig {
 public:
  /// The text of a JSON object, or the path of a JSON or YAML file (.yaml, .yml). Without
  /// target_modules, layers of `default_keys` are meant. Throws UsageError or Error, which name the
  /// key, for one that is not among the above and for a value that makes no sense.
  static LayerConfig read(const std::string& text_or_path,
                          const std::vector<std::string>& default_keys);

  /// All of it, but layers: the rank and scale of layers that no pattern names.
  LoraSettings settings() const;
  /// What was read.
  const ordered_json& json() const { return json_; }

  /// Those of the layers that get an adapter. Throws UsageError, which names it, for a target, a
  /// pattern or a layer's number that matches nothing.
  std::vector<models::LinearPart> adapted(const std::vector<models::LinearPart>& linears) const;
  int rank_of(const models::LinearPart& linear) const;
  float scale_of(const models::LinearPart& linear) const;

 private:
  LayerConfig(const ordered_json& given, const std::string& what,
              const std::vector<std::string>& default_keys);

  std::string what_;
  ordered_json json_;
  PeftConfig peft_;
  std::optional<float> scale_;
  InitialWeights initial_;
};

}  // namespace graft::lora
