// PEFT's folder of a LoRA adapter: adapter_model.safetensors with `base_model.model.<module>` and
// `.lora_A.weight` [R, in], `.lora_B.weight` [out, R], with DoRA `.lora_magnitude_vector` [out],
// and adapter_config.json, which says how they
// count (peft/utils/save_and_load.py; peft/tuners/lora/). Weights beside them: peft_weights.h.

#include <mlx/ops.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/io/tensor_info.h"
#include "graft/lora/adapter_format.h"
#include "graft/lora/adapter_metadata.h"
#include "graft/lora/config_beside.h"
#include "graft/lora/embedding_adapter.h"
#include "graft/lora/layer_key.h"
#include "graft/lora/layer_pairs.h"
#include "graft/lora/peft_config.h"
#include "graft/lora/peft_experts.h"
#include "graft/lora/peft_names.h"
#include "graft/lora/peft_weights.h"
#include "graft/lora/safetensors_adapters.h"

namespace graft::lora {
namespace {

constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kMagnitude = ".lora_magnitude_vector";
constexpr std::string_view kA = ".lora_A.weight", kB = ".lora_B.weight", kBaseLayer = ".base_layer";
constexpr std::string_view kEmbeddingA = ".lora_embedding_A", kEmbeddingB = ".lora_embedding_B";
constexpr std::string_view kHead = "lm_head";

AdapterTensor transposed(const AdapterTensor& tensor) {
  return {{tensor.shape.at(1), tensor.shape.at(0)},
          [tensor] { return mx::transpose(tensor.load()); }};
}

// What is trained in PEFT beside lora_A and lora_B, by the end of its tensors' names.
std::string_view kind_of(std::string_view name) {
  struct Kind {
    std::string_view in_name, is;
  };
  for (const Kind& kind :
       {Kind{".lora_A.bias", "a bias of LoRA"}, Kind{".lora_B.bias", "a bias of LoRA"},
        Kind{".token_adapter.", "trained tokens"}}) {
    if (name.find(kind.in_name) != std::string_view::npos) return kind.is;
  }
  return "no part of a LoRA adapter (names end in .lora_A.weight or .lora_B.weight)";
}

class Reader {
 public:
  explicit Reader(AdapterFile& file)
      : file_(file),
        what_(file.path.string()),
        peft_(std::make_shared<const PeftConfig>(read_config(file.path))),
        config_(*peft_) {}

  void read() {
    SafetensorsContents contents = read_safetensors_adapter(file_.path);
    take_metadata(file_, contents.metadata);
    // How an adapter of graft's own counts, the config says to PEFT, too.
    const std::optional<LoraSettings> own = file_.settings;
    file_.settings =
        LoraSettings{.type = config_.is_dora() ? FineTuneType::dora : FineTuneType::lora,
                     .rank = config_.r(),
                     .scale = config_.scale_of(""),
                     .dropout = config_.dropout(),
                     .num_layers = -1,
                     .keys = config_.target_modules(),
                     .rank_stabilized = config_.is_rslora()};
    if (own) {
      file_.settings->num_layers = own->num_layers;
      file_.settings->keys = own->keys;
      file_.settings->dropout = own->dropout;  // the config has none beside parameters
      file_.settings->half_is_frozen = own->half_is_frozen;
      file_.settings->extra = own->extra;
      if (own->half_is_frozen) file_.settings->rank /= 2;
    }
    take_base();
    file_.scales.clear();
    for (const auto& [name, tensor] : contents.tensors) sort_in(name, tensor);
    for (const auto& [module, pair] : modules_) add(module, whole(module, pair), pair.m);
    for (const auto& [path, each] : one_by_one_) {
      put(path, stacked_experts(each, what_ + ": " + path), scales_.at(path));
    }
    if (file_.tensors.empty()) fail("{} holds no adapter", what_);
    // Before the head's adapter is found to be the embedding's: its bias is of an adapted layer.
    take_saved_weights(file_, saved_, config_);
    file_.peft = peft_;
    take_embedding();
    if (config_.is_dora() != lora::is_dora(file_)) {
      fail("{} {} DoRA's magnitudes, but use_dora is {} in {}", what_,
           config_.is_dora() ? "lacks" : "has", config_.is_dora(), kAdapterConfig);
    }
  }

 private:
  struct Pair {
    std::optional<AdapterTensor> a, b, m;
  };

  // The base model's name on the Hub; a path of somebody's machine says nothing.
  void take_base() {
    const std::string& name = config_.base_model();
    const bool is_repository = std::count(name.begin(), name.end(), '/') == 1 &&
                               !name.starts_with('/') && !name.starts_with('.') &&
                               !name.ends_with('/') && !is_there(name);
    if (!file_.provenance.origin && is_repository) {
      file_.provenance.origin = io::Origin{name, config_.revision()};
    }
  }

  static PeftConfig read_config(const fs::path& file) {
    const fs::path path = config_path(file);
    if (!is_there(path)) {
      fail("{} lacks its {}, which says how it counts", file.string(), kAdapterConfig);
    }
    const ordered_json config = io::read_ordered_json_object(path);
    if (!config.contains("peft_type") && config.contains("lora_parameters")) {
      fail("{} is mlx-lm's, but {} beside it is PEFT's: remove the one that is wrong",
           path.string(), file.filename().string());
    }
    return {config, path.string()};
  }

  void sort_in(const std::string& name, const AdapterTensor& tensor) {
    const bool is_a = name.ends_with(kA), is_b = name.ends_with(kB);
    if (name.starts_with(kPrefix)) {
      // PEFT before 0.12 and now; some that were saved between have the name of its module.
      for (const std::string& end :
           {std::string(kMagnitude), std::string(kMagnitude) + ".weight"}) {
        if (!name.ends_with(end)) continue;
        if (tensor.shape.size() != 1) {
          fail("{}: {} is {}, no vector", what_, io::in_quotes(name), io::shape_text(tensor.shape));
        }
        modules_[name.substr(kPrefix.size(), name.size() - kPrefix.size() - end.size())].m = tensor;
        return;
      }
    }
    const bool is_embedding_a = name.ends_with(kEmbeddingA);
    const bool of_embedding = is_embedding_a || name.ends_with(kEmbeddingB);
    if (take_copy_of_base(name, tensor)) return;
    if (name.starts_with(kPrefix) && is_saved_weight(name)) {
      saved_.insert({name.substr(kPrefix.size()), tensor});
      return;
    }
    if (!name.starts_with(kPrefix) || !(is_a || is_b || of_embedding)) {
      fail("{}: {} is {}", what_, io::in_quotes(name), kind_of(name));
    }
    if (tensor.shape.size() != 2 || tensor.shape[0] < 1 || tensor.shape[1] < 1) {
      fail("{}: {} is {}, no matrix", what_, io::in_quotes(name), io::shape_text(tensor.shape));
    }
    const std::string_view end = of_embedding ? kEmbeddingA : kA;
    const std::string module =
        name.substr(kPrefix.size(), name.size() - kPrefix.size() - end.size());
    if ((is_a || is_b) && is_embedding(module)) {
      fail("{}: {} is of an embedding, whose parts PEFT calls lora_embedding_A and _B", what_,
           io::in_quotes(name));
    }
    if (of_embedding && !is_embedding(module)) {
      fail("{}: {} is an adapter of an embedding, which graft has for embed_tokens alone", what_,
           io::in_quotes(name));
    }
    Pair& pair = modules_[module];
    (is_a || is_embedding_a ? pair.a : pair.b) = tensor;
  }

  // PEFT writes embedding and head as they are beside their adapters; a bias of the head is no copy
  // where biases are trained.
  bool take_copy_of_base(const std::string& name, const AdapterTensor& tensor) {
    if (!name.starts_with(kPrefix)) return false;
    for (const std::string part : {".weight", ".bias"}) {
      if (part == ".bias" && config_.bias() != PeftConfig::Bias::none) continue;
      const std::string end = std::string(kBaseLayer) + part;
      if (!name.ends_with(end)) continue;
      const std::string module =
          name.substr(kPrefix.size(), name.size() - kPrefix.size() - end.size());
      if (path_of_module(module) != kHead && !is_embedding(module)) return false;
      file_.base_weights.insert({path_of_module(module) + part, tensor});
      return true;
    }
    return false;
  }

  // An adapter of the head that is the embedding's again is of a tied head: PEFT has it so with
  // ensure_weight_tying, else the head stays as it is.
  void take_embedding() {
    const std::string path = adapted_embedding(file_);
    if (path.empty()) return;
    file_.embedding = EmbeddingUpdate::alone;
    const std::string head(kHead);
    const auto a = file_.tensors.find(head + ".lora_a"), b = file_.tensors.find(head + ".lora_b");
    if (a == file_.tensors.end()) return;
    const auto same = [](const AdapterTensor& one, const AdapterTensor& other) {
      return one.shape == transposed(other).shape &&
             mx::array_equal(one.load(), transposed(other).load()).item<bool>();
    };
    if (file_.scale_of(head) != file_.scale_of(path) ||
        !same(a->second, file_.tensors.at(path + ".lora_b")) ||
        !same(b->second, file_.tensors.at(path + ".lora_a"))) {
      return;
    }
    file_.tensors.erase(a);
    file_.tensors.erase(b);
    file_.scales.erase(head);
    file_.embedding = EmbeddingUpdate::tied;
  }

  ExpertTensors whole(const std::string& module, const Pair& pair) const {
    if (!pair.a || !pair.b) {
      fail("{}: {}{} is missing", what_, io::in_quotes(module), pair.a ? kB : kA);
    }
    return {*pair.a, *pair.b};
  }

  void add(const std::string& module, const ExpertTensors& tensors,
           const std::optional<AdapterTensor>& m) {
    const bool of_experts = module.ends_with(".experts") || module.ends_with(kBaseLayer);
    if (m && (of_experts || one_expert(module))) {
      fail("{}: {} is of experts, for which DoRA is not supported", what_, io::in_quotes(module));
    }
    if (of_experts) return add_experts(module, tensors);
    // A router is no linear layer for transformers 5, but a parameter.
    const std::string parameter = module + ".weight";
    const bool is_parameter = !config_.targets(module);
    const bool is_tied_head = config_.ensures_tied() && path_of_module(module) == kHead;
    if (is_parameter && !is_tied_head && !config_.targets_parameter(parameter)) {
      fail("{}: {} has an adapter, but target_modules in {} does not name it: PEFT leaves it out",
           what_, io::in_quotes(module), kAdapterConfig);
    }
    const std::string& named = is_parameter && !is_tied_head ? parameter : module;
    check_rank(module, tensors, config_.rank_of(named));
    if (const auto one = one_expert(module)) {
      const std::string path = one->layer.path();
      if (!one_by_one_[path].emplace(one->expert, tensors).second) twice(module);
      if (const auto [at, is_new] = scales_.emplace(path, config_.scale_of(module));
          !is_new && at->second != config_.scale_of(module)) {
        fail("{}: the experts of {} have different scales", what_, path);
      }
      return;
    }
    put(path_of_module(module), {transposed(tensors.a), transposed(tensors.b)},
        config_.scale_of(named));
    if (m) file_.tensors.insert({path_of_module(module) + ".m", *m});
  }

  // The parameters of all experts. Which one is adapted the config says alone: where both are, the
  // first one lies within the wrapper of the second.
  void add_experts(const std::string& module, const ExpertTensors& tensors) {
    const bool inner = module.ends_with(kBaseLayer);
    const std::string experts =
        inner ? module.substr(0, module.size() - kBaseLayer.size()) : module;
    const std::string gate_up = experts + ".gate_up_proj", down = experts + ".down_proj";
    const bool has_gate_up = config_.targets_parameter(gate_up);
    const bool has_down = config_.targets_parameter(down);
    if (!experts.ends_with(".experts") || (inner && !(has_gate_up && has_down)) ||
        !(has_gate_up || has_down)) {
      fail(
          "{}: {} has an adapter, but target_parameters in {} does not name it: PEFT leaves it "
          "out",
          what_, io::in_quotes(module), kAdapterConfig);
    }
    const std::string& parameter = inner || !has_down ? gate_up : down;
    const ExpertTensors all =
        experts_from_peft(tensors.a, tensors.b, config_.rank_of(parameter), what_ + ": " + module);
    const std::string block = path_of_module(experts.substr(0, experts.rfind('.')));
    const auto path = [&](const char* role) { return ExpertLayer{block, role}.path(); };
    const float scale = config_.scale_of(parameter);
    if (&parameter == &down) return put(path("down_proj"), all, scale);
    put(path("gate_proj"), half_of(all, false, what_), scale);
    put(path("up_proj"), half_of(all, true, what_), scale);
  }

  void check_rank(const std::string& module, const ExpertTensors& tensors, int rank) const {
    if (tensors.a.shape[0] == rank && tensors.b.shape[1] == rank) return;
    fail("{}: {} has lora_A {} and lora_B {}, but {} makes their rank {}", what_,
         io::in_quotes(module), io::shape_text(tensors.a.shape), io::shape_text(tensors.b.shape),
         kAdapterConfig, rank);
  }

  [[noreturn]] void twice(const std::string& layer) const {
    fail("{}: {} has two adapters", what_, io::in_quotes(layer));
  }

  void put(const std::string& path, const ExpertTensors& tensors, float scale) {
    if (!file_.tensors.insert({path + ".lora_a", tensors.a}).second) twice(path);
    file_.tensors.insert({path + ".lora_b", tensors.b});
    if (scale != file_.settings->scale) file_.scales[path] = scale;
  }

  AdapterFile& file_;
  std::string what_;
  std::shared_ptr<const PeftConfig> peft_;
  const PeftConfig& config_;
  std::map<std::string, AdapterTensor> saved_;  // no part of LoRA, without the prefix
  std::map<std::string, Pair> modules_;
  std::map<std::string, std::map<int, ExpertTensors>> one_by_one_;
  std::map<std::string, float> scales_;  // of these
};

class Writer {
 public:
  explicit Writer(const AdapterFile& file) : file_(file), saved_(saved_weights(file)) {
    settings_of(file);
  }

  void write() {
    std::map<std::string, std::map<std::string, std::string>> experts;  // block -> role -> layer
    const auto layers = layer_pairs(file_);
    const bool of_experts = std::any_of(layers.begin(), layers.end(), [](const auto& layer) {
      return is_router(layer.first) || expert_layer(layer.first);
    });
    for (const auto& [path, pair] : layers) {
      if (const auto layer = expert_layer(path)) {
        experts[layer->block][layer->role] = path;
        continue;
      }
      const std::string module = peft_module(path);
      if (is_embedding(path)) {
        add_embedding(module, pair, file_.scale_of(path));
        continue;
      }
      const bool router = is_router(module);
      // PEFT takes dense layers among experts for these if they are named as modules
      // (peft/utils/transformers_weight_conversion.py).
      const bool parameter = router || (of_experts && path.find(".mlp.") != std::string::npos);
      if (parameter && pair.m != nullptr) {
        fail("{}: {} is a parameter for PEFT, which has no DoRA for these", file_.path.string(),
             path);
      }
      add(router ? module_of_router(module) : module, parameter ? ".weight" : "",
          {transposed(*pair.a), transposed(*pair.b)}, file_.scale_of(path));
      if (pair.m != nullptr) {
        tensors_.insert({std::string(kPrefix) + module + std::string(kMagnitude), *pair.m});
      }
    }
    for (const auto& [block, roles] : experts) add_experts(block, roles, layers);
    for (const auto& [name, tensor] : saved_.tensors) {
      tensors_.insert({std::string(kPrefix) + name, tensor});
    }
    const NewConfig config(file_.path, config_of_all());
    config.remove_another();
    write_safetensors_adapter(file_.path, tensors_, metadata_of(file_), "pt");
    config.write();
  }

 private:
  struct Facts {
    int rank;
    float scale;
  };

  // With one of the head beside it where that is the same matrix.
  void add_embedding(const std::string& module, const LayerPair& pair, float scale) {
    const AdapterTensor a = transposed(*pair.a), b = transposed(*pair.b);
    tensors_.insert({std::string(kPrefix) + module + std::string(kEmbeddingA), a});
    tensors_.insert({std::string(kPrefix) + module + std::string(kEmbeddingB), b});
    facts_[module] = {pair.rank(), scale};
    modules_.insert(module);
    ties_ = meaning_of_embedding(file_) == EmbeddingUpdate::tied;
    if (!ties_) return;
    const std::string head(kHead);
    tensors_.insert({std::string(kPrefix) + head + std::string(kA), *pair.b});
    tensors_.insert({std::string(kPrefix) + head + std::string(kB), *pair.a});
    facts_[head] = facts_[module];
    modules_.insert(head);
  }

  static bool is_router(const std::string& path) { return path.ends_with(".gate"); }

  static std::string module_of_router(const std::string& module) {
    const std::string experts = experts_module(module.substr(0, module.rfind('.')));
    return experts.substr(0, experts.rfind('.')) + ".gate";
  }

  // `parameter`: that of the module which is adapted, ".weight" for what is no linear layer.
  void add(const std::string& module, const std::string& parameter, const ExpertTensors& tensors,
           float scale) {
    put(module, tensors);
    facts_[module + parameter] = {tensors.a.shape.at(0), scale};
    (parameter.empty() ? modules_ : parameters_).insert(module + parameter);
  }

  void put(const std::string& module, const ExpertTensors& tensors) {
    tensors_.insert({std::string(kPrefix) + module + std::string(kA), tensors.a});
    tensors_.insert({std::string(kPrefix) + module + std::string(kB), tensors.b});
  }

  void add_experts(const std::string& block, const std::map<std::string, std::string>& roles,
                   const std::map<std::string, LayerPair>& layers) {
    const std::string module = experts_module(peft_module(block));
    const auto tensors = [&](const char* role) -> std::optional<ExpertTensors> {
      const auto found = roles.find(role);
      if (found == roles.end()) return {};
      const LayerPair& pair = layers.at(found->second);
      return ExpertTensors{*pair.a, *pair.b};
    };
    const auto scale = [&](const char* role) {
      return file_.scale_of(ExpertLayer{block, role}.path());
    };
    const auto gate = tensors("gate_proj"), up = tensors("up_proj"), down = tensors("down_proj");
    if (gate || up) {
      const ExpertTensors& known = gate ? *gate : *up;
      const float of_gate = scale(gate ? "gate_proj" : "up_proj");
      const float of_up = scale(up ? "up_proj" : "gate_proj");
      // One scale for both: where they differ, it is in lora_b.
      const float common = of_gate == of_up ? of_gate : 1;
      const ExpertTensors both =
          joined(gate ? scaled(*gate, common == of_gate ? 1 : of_gate) : without_effect(known),
                 up ? scaled(*up, common == of_up ? 1 : of_up) : without_effect(known));
      put_experts(module + (down ? std::string(kBaseLayer) : ""), module + ".gate_up_proj", both,
                  common);
    }
    if (down) put_experts(module, module + ".down_proj", *down, scale("down_proj"));
  }

  // Of the same shapes, for the half of gate_up_proj that has no adapter.
  static ExpertTensors without_effect(const ExpertTensors& other) {
    const mx::Shape shape = other.b.shape;
    return {other.a, {shape, [shape] { return mx::zeros(shape, mx::float32); }}};
  }

  static ExpertTensors scaled(const ExpertTensors& tensors, float by) {
    if (by == 1) return tensors;
    const AdapterTensor b = tensors.b;
    return {tensors.a, {b.shape, [b, by] { return mx::multiply(b.load(), mx::array(by)); }}};
  }

  void put_experts(const std::string& module, const std::string& parameter,
                   const ExpertTensors& experts, float scale) {
    put(module, experts_to_peft(experts));
    facts_[parameter] = {experts.a.shape.at(1), scale};
    parameters_.insert(parameter);
  }

  ordered_json config_of_all() const {
    const Facts most = commonest();
    const double alpha = alpha_of(most);
    ordered_json config = {{"alpha_pattern", ordered_json::object()},
                           {"auto_mapping", nullptr},
                           {"base_model_name_or_path", nullptr},
                           {"bias", saved_.bias},
                           {"fan_in_fan_out", false},
                           {"inference_mode", true},
                           {"init_lora_weights", true},
                           {"layers_pattern", nullptr},
                           {"layers_to_transform", nullptr},
                           {"lora_alpha", number(alpha)},
                           {"lora_dropout", parameters_.empty() ? file_.settings->dropout : 0.0f},
                           {"modules_to_save", nullptr},
                           {"peft_type", "LORA"},
                           {"r", most.rank},
                           {"rank_pattern", ordered_json::object()},
                           {"revision", nullptr},
                           {"target_modules", ordered_json::array()},
                           {"task_type", "CAUSAL_LM"},
                           {"use_dora", is_dora(file_)},
                           {"use_rslora", file_.settings->rank_stabilized}};
    if (const auto& origin = file_.provenance.origin) {
      config["base_model_name_or_path"] = origin->repository;
      if (!origin->commit.empty()) config["revision"] = origin->commit;
    }
    if (!saved_.modules.empty()) config["modules_to_save"] = saved_.modules;
    if (ties_ || saved_.ensures_tied) config["ensure_weight_tying"] = true;
    name_targets(config);
    if (!parameters_.empty()) config["target_parameters"] = parameters_;
    for (const auto& [name, facts] : facts_) {
      const std::string pattern = escaped(name);
      if (facts.rank != most.rank) config["rank_pattern"][pattern] = facts.rank;
      const double its_alpha = alpha_of(facts);
      if (its_alpha != alpha) config["alpha_pattern"][pattern] = number(its_alpha);
    }
    return config;
  }

  // Of which PEFT makes the scale.
  double alpha_of(const Facts& facts) const {
    if (!file_.settings->rank_stabilized) return double{facts.scale} * facts.rank;
    // As people write them: of 20 / sqrt(8) in f32, 20.
    const double alpha = facts.scale * std::sqrt(static_cast<double>(facts.rank));
    const double whole = std::round(alpha);
    return std::abs(alpha - whole) < 1e-6 * std::abs(whole) ? whole : alpha;
  }

  Facts commonest() const {
    std::map<std::pair<int, float>, int> counts;
    for (const auto& [name, facts] : facts_) ++counts[{facts.rank, facts.scale}];
    const auto most = std::max_element(counts.begin(), counts.end(),
                                       [](auto& a, auto& b) { return a.second < b.second; });
    return {most->first.first, most->first.second};
  }

  // The ends of names and the layers, as people write them; or all names, where layers differ or
  // where other parts of the model (a vision tower) have such names.
  void name_targets(ordered_json& config) const {
    std::set<std::string> ends;
    std::set<int> layers;
    bool plain = true;
    for (const std::string& module : modules_) {
      const auto layer = layer_of(module);
      plain = plain && layer && module.starts_with("model.layers.");
      if (!plain) break;
      ends.insert(module.substr(module.rfind('.') + 1));
      layers.insert(*layer);
    }
    if (plain && ends.size() * layers.size() == modules_.size() && !modules_.empty()) {
      config["target_modules"] = ends;
      config["layers_to_transform"] = layers;
    } else {
      config["target_modules"] = modules_;
    }
  }

  static ordered_json number(double value) {
    if (value != std::floor(value) || std::abs(value) > 1e9) return value;
    return static_cast<int64_t>(value);
  }

  static std::string escaped(const std::string& name) {
    std::string text;
    for (const char c : name) {
      const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
      text += plain ? std::string(1, c) : std::string("\\") + c;
    }
    return text;
  }

  const AdapterFile& file_;
  SavedWeights saved_;
  std::map<std::string, AdapterTensor> tensors_;
  std::set<std::string> modules_, parameters_;
  std::map<std::string, Facts> facts_;  // of these
  bool ties_ = false;                   // the head has the embedding's adapter
};

void read_peft(AdapterFile& file) { Reader(file).read(); }

void check_peft(const fs::path& path) {
  if (!is_there(config_path(path))) return;
  const bool ours = is_there(path) && !read_safetensors_adapter(path).metadata.empty();
  if (ours) return;
  fail_usage("{} is another program's, and its adapter would be replaced: give another folder",
             config_path(path).string());
}

void write_peft(const AdapterFile& file) {
  check_peft(file.path);
  if (const std::string what = weights_refused_by_peft(file); !what.empty()) {
    fail(
        "{}: PEFT's layout does not hold {}: `graft fuse` makes a model of them, which "
        "transformers reads",
        file.path.string(), what);
  }
  Writer(file).write();
}

}  // namespace

const AdapterFormat kPeftAdapters{.name = "peft",
                                  .file_name = "adapter_model.safetensors",
                                  .extension = "",
                                  .read = read_peft,
                                  .write = write_peft,
                                  .has_config = true,
                                  .embedding = AdapterFormat::Embedding::with_head,
                                  .check = check_peft,
                                  .refuses = weights_refused_by_peft};

}  // namespace graft::lora
