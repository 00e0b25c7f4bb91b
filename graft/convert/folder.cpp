#include <mlx/ops.h>

#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "graft/base/error.h"
#include "graft/convert/layers.h"
#include "graft/convert/plan.h"
#include "graft/convert/quantizer.h"
#include "graft/io/expert_weights.h"
#include "graft/io/model_folder.h"
#include "graft/io/model_writer.h"
#include "graft/io/quantized_layer.h"
#include "graft/models/beyond_mlx_lm.h"
#include "graft/models/config_defaults.h"
#include "graft/models/language_model_names.h"
#include "graft/models/matrix_widths.h"
#include "graft/models/tied_head.h"

namespace graft::convert {
namespace {

class FolderPlanner {
 public:
  explicit FolderPlanner(const ConvertOptions& options)
      : options_(options),
        source_(std::make_shared<const io::ModelFolder>(io::ModelFolder::open(options.hf_path))),
        config_path_((options.hf_path / "config.json").string()) {}

  ConversionPlan plan() {
    plan_.config = io::read_ordered_json_object(options_.hf_path / "config.json");
    quantization_ = io::quantization_of(*source_);
    if (quantization_ && options_.quantize) {
      fail_usage("{} is quantized already: convert it with `dequantize` first, then quantize that",
                 options_.hf_path.string());
    }
    // Only the language model of a multimodal checkpoint is converted, as in mlx-lm.
    names_ = models::LanguageModelNames::of(*source_);
    own_head_ = models::has_own_head(*source_, names_);
    if (quantization_ &&
        names_.as_on_the_hub(names_.stored("model.norm")) != names_.stored("model.norm")) {
      fail("{}: a quantized model with names as transformers 5 has them is not supported",
           options_.hf_path.string());
    }
    choose_dtype();
    find_layers();
    const std::vector<io::ExpertWeights> experts = io::expert_weights(*source_);
    if (options_.quantize) {
      quantizer_.emplace(options_, source_->config(), names_to_quantize(experts));
      for (const io::ExpertWeights& stack : experts) plan_experts(stack);
    }
    for (const std::string& name : source_->names()) plan_tensor(name);
    finish_config();
    plan_.copies = io::model_companions(options_.hf_path);
    return std::move(plan_);
  }

 private:
  // As mlx-lm, quantization starts from the type that the config names; without it, and without
  // --dtype, every tensor keeps its own.
  void choose_dtype() {
    if (options_.dtype) {
      dtype_ = io::dtype_from_name(*options_.dtype);
    } else if (options_.quantize) {
      const json& config = source_->config();
      json named = config.value("torch_dtype", json());
      if (named.is_null() && config.contains("text_config") && config["text_config"].is_object()) {
        named = config["text_config"].value("dtype", json());
      }
      if (named.is_string()) dtype_ = io::dtype_from_name(named.get<std::string>());
    }
  }

  // Which tensors are parts of quantized layers of the language model.
  void find_layers() {
    models::MatrixWidths widths(*source_);
    for (const std::string& name : source_->names()) {
      if (!name.ends_with(".scales") || names_.is_other_part(name)) continue;
      std::string path = name.substr(0, name.size() - std::string_view(".scales").size());
      if (!quantization_) {
        fail("{} has no \"quantization\", but the model has {}", config_path_, io::in_quotes(name));
      }
      if (!quantization_->lookup(path)) {
        fail("{} says that {} is not quantized, but the model has {}", config_path_,
             io::in_quotes(path), io::in_quotes(name));
      }
      const io::LayerQuantization setting =
          io::stored_quantization(*source_, quantization_, path, [&] { return widths.of(path); });
      for (const std::string& part : io::quantized_parts(path, setting.mode)) parts_.insert(part);
      if (const std::string stray = path + ".biases"; source_->has(stray)) {
        if (parts_.insert(stray).second) {
          plan_.notes.push_back(
              fmt::format("{} is left out: mode {} has no biases", stray, name_of(setting.mode)));
        }
      }
      if (path == names_.stored("lm_head") && drops_head()) continue;
      plan_quantized(path, setting);
    }
  }

  void plan_quantized(const std::string& path, const io::LayerQuantization& setting) {
    StoredLayer layer{source_, path, setting, io::quantized_layer_shape(*source_, path, setting)};
    if (options_.dequantize) {
      // Bytes as scales say nothing of the type; bfloat16 holds every number of their modes.
      const mx::Dtype own =
          has_biases(setting.mode) ? source_->info(path + ".scales").dtype : mx::bfloat16;
      plan_.jobs.push_back(dequantized_job(layer, dtype_.value_or(own)));
    } else {
      plan_.jobs.push_back(kept_layer_job(layer));
    }
  }

  void plan_tensor(const std::string& name) {
    if (parts_.count(name) > 0 || is_dropped(name)) return;
    const io::TensorInfo& info = source_->info(name);
    add_plain({.name = names_.as_on_the_hub(name),
               .shape = info.shape,
               .dtype = stored_dtype(info),
               .load = [source = source_, name] { return source->load(name); },
               .release = [source = source_, name] { source->release(name); }});
  }

  // Stacks many tensors into one, as in mlx-lm's switch_mlp.
  void plan_experts(const io::ExpertWeights& experts) {
    parts_.insert(experts.parts.begin(), experts.parts.end());
    const io::TensorInfo& first = source_->info(experts.parts[0]);
    const auto names = experts.parts;
    add_plain({.name = experts.name,
               .shape = {static_cast<int>(names.size()), first.shape[0], first.shape[1]},
               .dtype = stored_dtype(first),
               .load =
                   [source = source_, names] {
                     std::vector<mx::array> all;
                     for (const std::string& name : names) all.push_back(source->load(name));
                     return mx::stack(all, 0);
                   },
               .release =
                   [source = source_, names] {
                     for (const std::string& name : names) source->release(name);
                   }});
  }

  mx::Dtype stored_dtype(const io::TensorInfo& info) const {
    return mx::issubdtype(info.dtype, mx::floating) ? dtype_.value_or(info.dtype) : info.dtype;
  }

  void add_plain(const PlainTensor& tensor) {
    plan_.jobs.push_back(quantizer_ ? quantizer_->job(tensor, plan_.notes) : plain_job(tensor));
  }

  // Of all tensors that are written, as they will be called.
  std::vector<std::string> names_to_quantize(const std::vector<io::ExpertWeights>& experts) const {
    std::vector<std::string> names;
    for (const std::string& name : source_->names()) {
      if (!names_.is_other_part(name)) names.push_back(names_.as_on_the_hub(name));
    }
    for (const io::ExpertWeights& stack : experts) names.push_back(stack.name);
    return names;
  }

  // A tied head is the embedding: a copy of it in the file is not used.
  bool is_dropped(const std::string& name) {
    if (names_.is_other_part(name)) {
      if (!std::exchange(said_other_parts_, true)) {
        plan_.notes.push_back("what the model has for images is left out: it is the text part");
      }
      return true;
    }
    return name == names_.stored("lm_head.weight") && drops_head();
  }

  // Whether the file's tensor for a tied head is dropped.
  bool drops_head() {
    if (!own_head_) plan_.notes.push_back("lm_head is left out: it is the embedding once more");
    return !own_head_;
  }

  void finish_config() {
    ordered_json& config = plan_.config;
    // mlx-lm treats a missing key as a tied head.
    if (own_head_) {
      const bool denied = std::exchange(config["tie_word_embeddings"], false) == true;
      if (denied) {
        plan_.notes.push_back(
            "the config ties the head to the embedding, but lm_head is another "
            "one: it stays, and tie_word_embeddings becomes false");
      }
    }
    if (options_.dtype) {
      if (config.contains("dtype")) config["dtype"] = *options_.dtype;
      config["torch_dtype"] = *options_.dtype;
    }
    if (quantizer_) config["quantization"] = quantizer_->config();
    if (options_.dequantize) {
      if (!quantization_) {
        plan_.notes.push_back("the model is not quantized: `dequantize` changes nothing");
      }
      config.erase("quantization");
      config.erase("quantization_config");
    }
    take_eos_from_generation_config();
    models::complete_config(config, own_head_);
    say_what_mlx_lm_leaves_out();
  }

  void say_what_mlx_lm_leaves_out() {
    for (const std::string& what : models::beyond_mlx_lm(json(plan_.config))) {
      plan_.notes.push_back("mlx-lm leaves out this model's " + what);
    }
  }

  // As in mlx-lm, the stop tokens are the generation config's.
  void take_eos_from_generation_config() {
    fs::path path = options_.hf_path / "generation_config.json";
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return;
    ordered_json generation = io::read_ordered_json_object(path);
    auto eos = generation.find("eos_token_id");
    if (eos != generation.end() && !eos->is_null()) plan_.config["eos_token_id"] = *eos;
  }

  const ConvertOptions& options_;
  std::shared_ptr<const io::ModelFolder> source_;
  std::string config_path_;
  ConversionPlan plan_;
  std::optional<io::QuantizationConfig> quantization_;
  std::optional<mx::Dtype> dtype_;  // for floating tensors
  models::LanguageModelNames names_;
  bool own_head_ = false;
  bool said_other_parts_ = false;
  std::set<std::string> parts_;         // of quantized layers and of stacks
  std::optional<Quantizer> quantizer_;  // of `quantize`
};

}  // namespace

ConversionPlan plan_folder(const ConvertOptions& options) { return FolderPlanner(options).plan(); }

}  // namespace graft::convert
