#include <memory>
#include <set>

#include "graft/base/error.h"
#include "graft/convert/layers.h"
#include "graft/convert/plan.h"
#include "graft/io/model_folder.h"
#include "graft/io/model_writer.h"
#include "graft/io/quantized_layer.h"

namespace graft {
namespace {

class FolderPlanner {
 public:
  explicit FolderPlanner(const ConvertOptions& options)
      : options_(options),
        source_(std::make_shared<const ModelFolder>(ModelFolder::open(options.hf_path))),
        config_path_((options.hf_path / "config.json").string()) {}

  ConversionPlan plan() {
    plan_.config = read_ordered_json_object(options_.hf_path / "config.json");
    quantization_ = QuantizationConfig::from_config(source_->config(), config_path_);
    if (quantization_ && options_.quantize) {
      fail_usage("{} is quantized already: convert it with --dequantize first, then quantize that",
                 options_.hf_path.string());
    }
    choose_dtype();
    find_layers();
    for (const std::string& name : source_->names()) plan_tensor(name);
    finish_config();
    plan_.copies = model_companions(options_.hf_path);
    return std::move(plan_);
  }

 private:
  // As mlx-lm, quantization starts from the type that the config names; without it, and without
  // --dtype, every tensor keeps its own.
  void choose_dtype() {
    if (options_.dtype) {
      dtype_ = dtype_from_name(*options_.dtype);
    } else if (options_.quantize) {
      auto named = source_->config().find("torch_dtype");
      if (named != source_->config().end() && named->is_string()) {
        dtype_ = dtype_from_name(named->get<std::string>());
      }
    }
  }

  // Which tensors are parts of quantized layers.
  void find_layers() {
    for (const std::string& name : source_->names()) {
      if (!name.ends_with(".scales")) continue;
      std::string path = name.substr(0, name.size() - std::string_view(".scales").size());
      if (!quantization_) {
        fail("{} has no \"quantization\", but the model has {}", config_path_, in_quotes(name));
      }
      auto setting = quantization_->lookup(path);
      if (!setting) {
        fail("{} says that {} is not quantized, but the model has {}", config_path_,
             in_quotes(path), in_quotes(name));
      }
      for (const char* part : {".weight", ".scales", ".biases"}) parts_.insert(path + part);
      plan_quantized(path, *setting);
    }
  }

  void plan_quantized(const std::string& path, const LayerQuantization& setting) {
    StoredLayer layer{source_, path, setting, quantized_layer_shape(*source_, path, setting)};
    if (options_.dequantize) {
      mx::Dtype own = source_->info(path + ".scales").dtype;
      plan_.jobs.push_back(dequantized_job(layer, dtype_.value_or(own)));
    } else {
      plan_.jobs.push_back(kept_layer_job(layer));
    }
  }

  void plan_tensor(const std::string& name) {
    if (parts_.count(name) > 0 || is_dropped(name)) return;
    const TensorInfo& info = source_->info(name);
    bool floating = mx::issubdtype(info.dtype, mx::floating);
    mx::Dtype dtype = floating ? dtype_.value_or(info.dtype) : info.dtype;
    PlainTensor tensor{.name = name,
                       .shape = info.shape,
                       .dtype = dtype,
                       .load = [source = source_, name] { return source->load(name); },
                       .release = [source = source_, name] { source->release(name); }};
    plan_.jobs.push_back(options_.quantize
                             ? quantized_where_possible(tensor, setting(), plan_.lines)
                             : plain_job(tensor));
  }

  // A tied head is the embedding: what the file holds for it is not used.
  bool is_dropped(const std::string& name) {
    auto tied = source_->config().find("tie_word_embeddings");
    bool dropped = name == "lm_head.weight" && tied != source_->config().end() &&
                   tied->is_boolean() && tied->get<bool>();
    if (dropped) {
      plan_.lines.push_back(
          "lm_head.weight is left out: the config ties the head to the embedding");
    }
    return dropped;
  }

  LayerQuantization setting() const {
    return {.group_size = options_.q_group_size, .bits = options_.q_bits};
  }

  void finish_config() {
    ordered_json& config = plan_.config;
    // mlx-lm treats a missing key as a tied head.
    if (source_->has("lm_head.weight") && !config.contains("tie_word_embeddings")) {
      config["tie_word_embeddings"] = false;
    }
    if (options_.dtype) {
      bool new_key = config.contains("dtype") && !config.contains("torch_dtype");
      config[new_key ? "dtype" : "torch_dtype"] = *options_.dtype;
    }
    if (options_.quantize) {
      config["quantization"] = QuantizationConfig{.standard = setting()}.to_json();
    }
    if (options_.dequantize) {
      if (!quantization_) {
        plan_.lines.push_back("the model is not quantized: --dequantize changes nothing");
      }
      config.erase("quantization");
      config.erase("quantization_config");
    }
    take_eos_from_generation_config();
  }

  // As mlx-lm: the ids at which generation stops are the generation config's.
  void take_eos_from_generation_config() {
    fs::path path = options_.hf_path / "generation_config.json";
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return;
    ordered_json generation = read_ordered_json_object(path);
    auto eos = generation.find("eos_token_id");
    if (eos != generation.end() && !eos->is_null()) plan_.config["eos_token_id"] = *eos;
  }

  const ConvertOptions& options_;
  std::shared_ptr<const ModelFolder> source_;
  std::string config_path_;
  ConversionPlan plan_;
  std::optional<QuantizationConfig> quantization_;
  std::optional<mx::Dtype> dtype_;  // that floating tensors are cast to
  std::set<std::string> parts_;     // of quantized layers
};

}  // namespace

ConversionPlan plan_folder(const ConvertOptions& options) { return FolderPlanner(options).plan(); }

}  // namespace graft
