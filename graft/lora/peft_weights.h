#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "graft/lora/adapter_file.h"
#include "graft/lora/peft_config.h"
#include "graft/lora/trained_weights.h"

// Weights that were trained as they are, beside LoRA in PEFT's layout: whole modules
// (`modules_to_save`) under their own names, and biases (`bias`), of adapted layers as
// `<module>.base_layer.bias` (peft/utils/save_and_load.py, get_peft_model_state_dict;
// peft/tuners/tuners_utils.py, _get_learnable_bias_state_dict).
namespace graft::lora {

/// Whether a tensor's name is of that kind, and not of LoRA.
bool is_saved_weight(const std::string& name);

/// Makes `file.weights` of tensors of PEFT's names without "base_model.model.", once the file has
/// its adapters. Throws Error, which names it, for what the config does not say was trained, and
/// for a weight that is there twice.
void take_saved_weights(AdapterFile& file, const std::map<std::string, AdapterTensor>& saved,
                        const PeftConfig& config);

/// Throws Error if a file of PEFT's lacks what its config says of a model of these tensors: a
/// weight of `modules_to_save`, or all biases of `bias`. `tied`: whether the model's head is its
/// embedding.
void check_saved_weights(const AdapterFile& file, const std::vector<TrainableTensor>& of_model,
                         bool tied);

/// What PEFT's layout has of an adapter's weights.
struct SavedWeights {
  std::map<std::string, AdapterTensor> tensors = {};  // without "base_model.model."
  std::set<std::string> modules = {};                 // modules_to_save
  std::string bias = "none";
  bool ensures_tied = false;  // ensure_weight_tying
};

/// That of weights of which nothing is refused.
SavedWeights saved_weights(const AdapterFile& file);

/// What of an adapter's weights PEFT has no place for, by name: the matrix of a layer beside its
/// adapter, experts, weights without any adapter. Empty: it holds them all.
std::string weights_refused_by_peft(const AdapterFile& file);

}  // namespace graft::lora
