#include "graft/lora/peft_weights.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/lora/config_beside.h"
#include "graft/lora/embedding_adapter.h"
#include "graft/lora/layer_key.h"
#include "graft/lora/peft_names.h"
#include "graft/models/traits.h"

namespace graft::lora {
namespace {

// Of what PEFT wraps, the module that it keeps as it was, and the copy that is trained.
constexpr std::string_view kOriginal = ".original_module", kBase = ".base_layer";
constexpr std::string_view kCopies[] = {".modules_to_save.default", ".modules_to_save"};

bool cut_end(std::string& name, std::string_view end) {
  if (!name.ends_with(end)) return false;
  name.resize(name.size() - end.size());
  return true;
}

// "model.norm.weight" in its two parts.
struct NamedWeight {
  explicit NamedWeight(const std::string& name)
      : module(name.substr(0, name.rfind('.'))), last(name.substr(name.rfind('.') + 1)) {}

  std::string module, last;

  bool is_bias() const { return last == "bias"; }
  bool is_embedding() const { return is_of("embed_tokens") && !is_bias(); }
  bool is_head() const { return is_of("lm_head") && !is_bias(); }
  bool is_head_bias() const { return is_of("lm_head") && is_bias(); }
  // The module by the last part of its name.
  bool is_of(std::string_view name) const {
    return module.ends_with(name) &&
           (module.size() == name.size() || module[module.size() - name.size() - 1] == '.');
  }
};

bool has_embedding(const AdapterFile& file) {
  return std::any_of(file.weights.begin(), file.weights.end(),
                     [](const auto& one) { return NamedWeight(one.first).is_embedding(); });
}

bool has_head(const AdapterFile& file) {
  return std::any_of(file.weights.begin(), file.weights.end(),
                     [](const auto& one) { return NamedWeight(one.first).is_head(); });
}

bool is_adapted(const AdapterFile& file, const std::string& path) {
  return file.tensors.count(path + ".lora_a") > 0;
}

// Its module as PEFT names it.
std::string saved_module(const std::string& path) {
  const std::string module = peft_module(path);
  constexpr std::string_view kMixtralRouter = ".block_sparse_moe.gate";
  if (!module.ends_with(kMixtralRouter)) return module;
  return module.substr(0, module.size() - kMixtralRouter.size()) + ".mlp.gate";
}

class SavedReader {
 public:
  SavedReader(AdapterFile& file, const PeftConfig& config) : file_(file), config_(config) {}

  void take(const std::string& name, const AdapterTensor& tensor) {
    NamedWeight weight(name);
    // With bias "all" PEFT saves those of the wrapped module, too, which has no part any more.
    if (cut_end(weight.module, kOriginal)) {
      if (weight.is_bias() && all_biases() && config_.saves(weight.module)) return;
      refuse(name);
    }
    const bool is_copy = cut_end(weight.module, kCopies[0]) || cut_end(weight.module, kCopies[1]);
    const bool is_base = !is_copy && cut_end(weight.module, kBase);
    const std::string path = path_of_module(weight.module);
    const bool saved = config_.saves(weight.module);
    if (is_copy) {
      if (!saved) refuse(name);
    } else if (is_base) {
      if (!weight.is_bias() || !takes_bias(path)) refuse(name);
    } else if (!saved && !(weight.is_bias() && takes_bias(path)) && !weight.is_of("embed_tokens") &&
               !weight.is_of("lm_head")) {
      // Those two PEFT saves of itself where the vocabulary was resized.
      refuse(name);
    }
    const std::string own = path + "." + weight.last;
    const bool is_new = file_.weights.insert({own, tensor}).second;
    if (is_new) {
      if (!is_copy && !is_base) plain_.insert(own);
      return;
    }
    // With bias "all" the copy's is there by both names, and PEFT reads the shorter one.
    if (is_copy && weight.is_bias() && all_biases() && plain_.erase(own) > 0) return;
    fail("{}: {} is there twice, as {}, too", file_.path.string(), io::in_quotes(own),
         io::in_quotes(name));
  }

 private:
  bool all_biases() const { return config_.bias() == PeftConfig::Bias::all; }

  bool takes_bias(const std::string& path) const {
    return all_biases() ||
           (config_.bias() == PeftConfig::Bias::lora_only && is_adapted(file_, path));
  }

  [[noreturn]] void refuse(const std::string& name) const {
    fail("{}: {} is no part of a LoRA adapter, and {} does not say that it was trained",
         file_.path.string(), io::in_quotes(name), kAdapterConfig);
  }

  AdapterFile& file_;
  const PeftConfig& config_;
  std::set<std::string> plain_;  // by their own names in the file
};

}  // namespace

bool is_saved_weight(const std::string& name) {
  if (!name.ends_with(".weight") && !name.ends_with(".bias")) return false;
  return name.find(".lora_") == std::string::npos &&
         name.find(".token_adapter.") == std::string::npos;
}

void take_saved_weights(AdapterFile& file, const std::map<std::string, AdapterTensor>& saved,
                        const PeftConfig& config) {
  SavedReader reader(file, config);
  for (const auto& [name, tensor] : saved) reader.take(name, tensor);
  if (file.weights.empty()) return;
  // Of wrapped modules each has its own weights unless they are tied in words, which PEFT does to
  // the head, too. Otherwise it writes what it reads into the base model, where they are one.
  bool wraps = false;
  std::set<std::string> extra;
  for (const auto& [name, tensor] : file.weights) {
    const NamedWeight weight(name);
    if (weight.is_embedding() || weight.is_head()) {
      wraps = wraps || config.saves(peft_module(weight.module));
    }
    extra.insert(weight.is_bias() && !config.saves(peft_module(weight.module))
                     ? "biases"
                     : key_of(weight.module));
  }
  file.ties_head = config.ensures_tied() ? has_head(file) : !wraps;
  if (file.settings->extra.empty()) file.settings->extra.assign(extra.begin(), extra.end());
}

void check_saved_weights(const AdapterFile& file, const std::vector<TrainableTensor>& of_model,
                         bool tied) {
  if (file.peft == nullptr) return;
  const PeftConfig& config = *file.peft;
  const std::string what = file.path.string();
  // By its own name, as PEFT's reads, or as it is in a model that is not multimodal.
  const auto has = [&](const std::string& path, const std::string& last) {
    constexpr std::string_view kWithin = "language_model.";
    const std::string alone = path.starts_with(kWithin) ? path.substr(kWithin.size()) : path;
    for (const std::string& name : {path, path_of_module(saved_module(path)), alone}) {
      if (file.weights.count(name + "." + last) > 0) return true;
    }
    return false;
  };
  std::string lacking;
  bool any_bias = false;
  for (const TrainableTensor& tensor : of_model) {
    const NamedWeight weight(tensor.name);
    const std::string module = saved_module(weight.module);
    const bool is_there = has(weight.module, weight.last);
    if (config.saves(module) && !is_there) {
      fail("{}: modules_to_save in {} names {}, but {}.{} is missing", what, kAdapterConfig, module,
           module, weight.last);
    }
    if (!weight.is_bias() || config.bias() == PeftConfig::Bias::none) continue;
    if (config.bias() == PeftConfig::Bias::lora_only && !is_adapted(file, weight.module)) continue;
    any_bias = any_bias || is_there;
    if (!is_there && lacking.empty()) lacking = tensor.name;
  }
  if (!lacking.empty() && !any_bias) {
    fail(
        "{}: bias in {} says that biases were trained, but there is none, not even {}: PEFT before "
        "0.21 did not save those of lora_only; with bias \"none\" it is used without them",
        what, kAdapterConfig, lacking);
  }
  const bool has_head_bias = std::any_of(of_model.begin(), of_model.end(), [](const auto& tensor) {
    return NamedWeight(tensor.name).is_head_bias();
  });
  if (tied && config.ensures_tied() && has_embedding(file) && has_head_bias) {
    fail(
        "{}: ensure_weight_tying in {} makes the saved embedding the head, which PEFT computes "
        "without the bias that the model's has",
        what, kAdapterConfig);
  }
  if (tied && config.ensures_tied() && has_embedding(file) && !has_head(file)) {
    fail("{}: ensure_weight_tying in {} wants the head beside the embedding, but it is missing",
         what, kAdapterConfig);
  }
}

SavedWeights saved_weights(const AdapterFile& file) {
  SavedWeights saved;
  // Where an adapter of the embedding is the head's, too, PEFT wraps both.
  const bool tied =
      !adapted_embedding(file).empty() && meaning_of_embedding(file) == EmbeddingUpdate::tied;
  std::set<std::string> whole;  // paths of which there is more than a bias
  for (const auto& [name, tensor] : file.weights) {
    const NamedWeight weight(name);
    if (!weight.is_bias()) whole.insert(weight.module);
  }
  for (const auto& [name, tensor] : file.weights) {
    const NamedWeight weight(name);
    std::string module = saved_module(weight.module);
    if (whole.count(weight.module) > 0) {
      saved.modules.insert(module);
    } else if (is_adapted(file, weight.module) || (tied && weight.is_of("lm_head"))) {
      module += kBase;
      if (saved.bias == "none") saved.bias = "lora_only";
    } else {
      saved.bias = "all";
    }
    saved.tensors.insert({module + "." + weight.last, tensor});
    if (weight.is_embedding() && file.ties_head == true) {
      saved.ensures_tied = true;
      saved.modules.insert("lm_head");
      saved.tensors.insert({"lm_head.weight", tensor});
    }
  }
  return saved;
}

std::string weights_refused_by_peft(const AdapterFile& file) {
  if (file.weights.empty()) return "";
  if (file.tensors.empty()) return "weights that are trained without any adapter";
  if (has_embedding(file) && !file.ties_head) {
    return "an embedding of which the file does not say whether it is the head, too";
  }
  // PEFT 0.21 computes such a head without its bias.
  const bool has_head_bias =
      models::traits_of(file.base.model_type).head_bias ||
      std::any_of(file.weights.begin(), file.weights.end(),
                  [](const auto& one) { return NamedWeight(one.first).is_head_bias(); });
  if (has_embedding(file) && *file.ties_head && has_head_bias) {
    return "an embedding that is the head, too, where the head has a bias";
  }
  for (const auto& [name, tensor] : file.weights) {
    const NamedWeight weight(name);
    if (expert_layer(weight.module)) return name + ", which is of experts";
    if (!weight.is_bias() && is_adapted(file, weight.module)) {
      return name + " beside an adapter of its layer";
    }
  }
  return "";
}

}  // namespace graft::lora
