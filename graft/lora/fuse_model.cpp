#include "graft/lora/fuse_model.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <map>
#include <memory>

#include "graft/base/error.h"
#include "graft/io/expert_weights.h"
#include "graft/io/finite.h"
#include "graft/io/quantized_layer.h"
#include "graft/models/config_defaults.h"
#include "graft/models/language_model_names.h"
#include "graft/models/matrix_widths.h"
#include "graft/models/tied_head.h"

namespace graft::lora {
namespace {

constexpr std::string_view kScales = ".scales";

// A layer written in another form: all its parts, and its new quantization.
struct Rewritten {
  std::string path;
  ops::Weight weight;

  std::map<std::string, mx::array> parts() const {
    std::map<std::string, mx::array> all = {{path + ".weight", weight.weight}};
    if (weight.scales) all.insert({path + ".scales", *weight.scales});
    if (weight.biases) all.insert({path + ".biases", *weight.biases});
    return all;
  }
};

uint64_t count(int in, int out) { return static_cast<uint64_t>(in) * static_cast<uint64_t>(out); }

class Fuser {
 public:
  Fuser(const io::ModelFolder& source, const models::Model& model, const FuseOptions& options)
      : source_(source),
        options_(options),
        names_(models::LanguageModelNames::of(source)),
        widths_(source),
        dtype_(io::config_dtype(source.config()).value_or(model.dtype())),
        quantization_(io::quantization_of(source)),
        had_own_head_(models::has_own_head(source, names_)),
        has_own_head_(had_own_head_ || model.untied_embedding() != nullptr) {}

  void add(const nn::Linear& layer) { add(layer, layer.weight, count(layer.in(), layer.out())); }

  // A head that is tied may be stored again.
  void add(const nn::Embedding& embedding) {
    const uint64_t parameters = count(embedding.in(), embedding.out());
    add(embedding, embedding.weight, parameters);
    const std::string head = names_.stored("lm_head");
    if (has_own_head_ || !source_.has(head + ".weight")) return;
    nn::Embedding again = embedding;
    again.path = names_.as_on_the_hub(head);
    add(again, again.weight, parameters);
  }

  void add(const nn::ExpertLinear& layer) {
    // Quantized experts are stacked, as mlx-lm has them; dense ones stay as they are stored.
    if (layer.paths.empty() || options_.adapted.kind == FusedFormat::Kind::quantized) {
      for (const std::string& path : layer.paths) {
        for (const char* part : {".weight", ".scales", ".biases"}) {
          done_[names_.stored_of_hub(path) + part] = true;
        }
      }
      add(layer, layer.weights->each.front(),
          count(layer.in(), layer.out()) * static_cast<uint64_t>(layer.count()));
      return;
    }
    for (int expert = 0; expert < layer.count(); ++expert) add(layer.expert(expert));
  }

  // A weight that was trained as it is, in the type that it is stored in.
  void add(const models::Parameter& trained) {
    const size_t dot = trained.name.rfind('.');
    const std::string last = trained.name.substr(dot);
    const std::string name = names_.stored_of_hub(trained.name.substr(0, dot)) + last;
    if (done_.count(name) > 0) return;  // the weight of a layer with an adapter
    if (!source_.has(name) && name == new_head()) {
      return add_dense(name, *trained.place, source_.load(embedding()).dtype());
    }
    if (!source_.has(name)) return add_experts(name, *trained.place);
    add_dense(name, *trained.place);
    // A head that is tied may be stored again.
    const std::string head = names_.stored("lm_head") + last;
    if (trained.also != nullptr && source_.has(head)) add_dense(head, *trained.place);
  }

  // Everything else.
  void add_rest() {
    if (options_.adapted.kind == FusedFormat::Kind::quantized) {
      stack_other_experts();
      if (!options_.de_quantize) stack_quantized_experts();
    }
    // The embedding as it was, of which the head is no part any more.
    const std::string head = new_head();
    if (!head.empty() && !source_.has(head) && done_.count(head) == 0) {
      const mx::array values = source_.load(embedding());
      add_dense(head, values, values.dtype());
    }
    for (const std::string& name : source_.names()) {
      if (name.ends_with(kScales)) add_quantized(name.substr(0, name.size() - kScales.size()));
    }
    for (const std::string& name : source_.names()) {
      if (done_.count(name) > 0) continue;
      const io::TensorInfo& info = source_.info(name);
      io::TensorJob job;
      job.outputs = {{name, info.dtype, info.shape}};
      job.make = [this, name] { return std::vector<mx::array>{source_.load(name)}; };
      job.parameters = source_.load(name).size();
      jobs_.push_back(std::move(job));
    }
  }

  io::WrittenModel write(const io::ModelTarget& target, FrontEnd& front_end) {
    io::ModelContents contents{.config = config(),
                               .jobs = std::move(jobs_),
                               .copies = io::model_companions(source_.path()),
                               .texts = {},
                               .provenance = options_.provenance,
                               .add = options_.add};
    return io::write_model_folder(std::move(contents), target, front_end);
  }

 private:
  using Make = std::function<ops::Weight(bool checked)>;

  io::LayerQuantization stored_quantization(const std::string& path) {
    return io::stored_quantization(source_, quantization_, path, [&] { return widths_.of(path); });
  }

  std::string embedding() const { return names_.stored("model.embed_tokens.weight"); }

  // The name of the head of a model that was tied and is not any more; else empty. A quantized
  // matrix is neither trained nor untied.
  std::string new_head() const {
    return has_own_head_ && !had_own_head_ ? names_.stored("lm_head.weight") : "";
  }

  void add_dense(const std::string& name, const mx::array& values) {
    add_dense(name, values, source_.load(name).dtype());
  }

  void add_dense(const std::string& name, const mx::array& values, mx::Dtype dtype) {
    io::TensorJob job;
    job.outputs = {{name, dtype, values.shape()}};
    job.make = [name, values, dtype] {
      mx::array stored = mx::astype(values, dtype);
      io::check_finite(stored, name);
      return std::vector<mx::array>{stored};
    };
    job.parameters = values.size();
    jobs_.push_back(std::move(job));
    done_[name] = true;
  }

  // Those of all experts, each of which is stored by itself.
  void add_experts(const std::string& name, const mx::array& values) {
    for (const io::ExpertWeights& experts : io::expert_weights(source_)) {
      if (experts.name != name) continue;
      for (size_t e = 0; e < experts.parts.size(); ++e) {
        add_dense(experts.parts[e], ops::matrix_of(values, static_cast<int>(e)));
      }
      return;
    }
    fail("{} has no tensor {}", source_.path().string(), name);
  }

  // Beside quantized layers, experts without an adapter are stacked, too: mlx-lm takes all of a
  // model's as one or as the other.
  void stack_other_experts() {
    for (const io::ExpertWeights& experts : io::expert_weights(source_)) {
      if (done_.count(experts.parts[0]) > 0) continue;
      const io::TensorInfo& first = source_.info(experts.parts[0]);
      stack(experts.name, experts.parts, count(first.shape[1], first.shape[0]));
    }
  }

  // The same of quantized ones, which keep their bits.
  void stack_quantized_experts() {
    for (const io::ExpertWeights& experts : io::expert_weights(source_, io::StoredAs::quantized)) {
      if (done_.count(experts.parts[0]) > 0) continue;
      const auto path_of = [](const std::string& weight) {
        return weight.substr(0, weight.rfind('.'));
      };
      const std::string first = path_of(experts.parts[0]), stacked = path_of(experts.name);
      const io::LayerQuantization setting = stored_quantization(first);
      const mx::Shape shape = io::quantized_layer_shape(source_, first, setting);
      for (const std::string& part : io::quantized_parts("", setting.mode)) {
        std::vector<std::string> names;
        for (const std::string& weight : experts.parts) {
          const std::string path = path_of(weight);
          if (stored_quantization(path) != setting ||
              io::quantized_layer_shape(source_, path, setting) != shape ||
              source_.info(path + part).dtype != source_.info(first + part).dtype) {
            fail(
                "{}: {} is quantized in another way than {}, and experts with new bits are one "
                "stack in mlx-lm: convert the dense model anew, or fuse without new bits",
                source_.path().string(), path, first);
          }
          names.push_back(path + part);
        }
        // The numbers that it stands for are counted with the weight.
        stack(stacked + part, names, part == ".weight" ? count(shape[1], shape[0]) : 0);
      }
      settings_[stacked] = setting;
    }
  }

  // As one tensor what experts have of `parameters` each.
  void stack(const std::string& name, const std::vector<std::string>& parts, uint64_t parameters) {
    for (const std::string& part : parts) done_[part] = true;
    const io::TensorInfo& first = source_.info(parts[0]);
    io::TensorJob job;
    job.outputs = {
        {name, first.dtype, {static_cast<int>(parts.size()), first.shape[0], first.shape[1]}}};
    job.make = [this, parts] {
      std::vector<mx::array> all;
      for (const std::string& part : parts) all.push_back(source_.load(part));
      return std::vector<mx::array>{mx::stack(all, 0)};
    };
    job.parameters = parameters * parts.size();
    jobs_.push_back(std::move(job));
  }

  // A layer, experts in one tensor; `now` says how it is quantized.
  template <class Layer>
  void add(const Layer& layer, const ops::Weight& now, uint64_t parameters) {
    const std::string path = names_.stored_of_hub(layer.path);
    FusedFormat format = options_.layers_are_fused ? FusedFormat{} : options_.adapted;
    format.dense_dtype = dtype_;
    // A dense one that was trained, too, is f32 in the model, whatever the checkpoint has.
    const std::string stored = path + ".weight";
    const auto dtype = !now.quantized() && source_.has(stored)
                           ? std::optional(source_.info(stored).dtype)
                           : std::nullopt;
    rewrite(path, parameters, [layer, format, dtype](bool checked) {
      ops::Weight weight = fused_weight(layer, format, checked);
      if (dtype && !weight.quantized()) weight.weight = mx::astype(weight.weight, *dtype);
      return weight;
    });
    settings_[path] = fused_quantization(now, format);
  }

  // The weight is computed only when it is written, so that no more than one is in memory: MLX
  // knows its shapes before.
  void rewrite(const std::string& path, uint64_t parameters, const Make& make) {
    io::TensorJob job;
    for (const auto& [name, part] : Rewritten{path, make(false)}.parts()) {
      job.outputs.push_back({name, part.dtype(), part.shape()});
    }
    job.make = [path, make] {
      std::vector<mx::array> values;
      for (const auto& [name, part] : Rewritten{path, make(true)}.parts()) values.push_back(part);
      mx::eval(values);
      return values;
    };
    job.parameters = parameters;
    jobs_.push_back(std::move(job));
    for (const char* part : {".weight", ".scales", ".biases"}) done_[path + part] = true;
  }

  void add_quantized(const std::string& path) {
    if (done_.count(path + ".weight") > 0) return;
    const io::LayerQuantization setting = stored_quantization(path);
    io::quantized_layer_shape(source_, path,
                              setting);  // the model may not use it: a tied head's copy
    ops::Weight weight{source_.load(path + ".weight"),
                       source_.load(path + ".scales"),
                       {},
                       setting.bits,
                       setting.group_size,
                       setting.mode};
    if (has_biases(setting.mode)) weight.biases = source_.load(path + ".biases");
    uint64_t parameters = count(weight.in(), weight.out());
    if (weight.weight.ndim() == 3) parameters *= static_cast<uint64_t>(weight.weight.shape(0));
    const mx::Dtype dtype = dtype_;
    if (options_.de_quantize) {
      rewrite(path, parameters, [weight, dtype](bool) {
        return ops::Weight{ops::dequantized(weight, dtype), {}, {}, 0, 0};
      });
    } else {
      rewrite(path, parameters, [weight](bool) { return weight; });
      settings_[path] = setting;
    }
  }

  // The source's config with the quantization of every layer as it now is.
  ordered_json config() const {
    ordered_json config = io::read_ordered_json_object(source_.path() / "config.json");
    config.erase("quantization");
    config.erase("quantization_config");
    models::complete_config(config, has_own_head_);
    io::QuantizationConfig now;
    bool any = false;
    if (quantization_) now.standard = quantization_->standard;
    for (const auto& [path, setting] : settings_) {
      if (setting && !any && !quantization_) now.standard = *setting;
      any = any || setting.has_value();
    }
    if (!any) return config;
    for (const auto& [path, setting] : settings_) {
      if (setting != std::optional(now.standard)) now.layers[path] = setting;
    }
    config["quantization"] = now.to_json();
    return config;
  }

  const io::ModelFolder& source_;
  FuseOptions options_;
  models::LanguageModelNames names_;
  models::MatrixWidths widths_;
  mx::Dtype dtype_;
  std::optional<io::QuantizationConfig> quantization_;
  bool had_own_head_, has_own_head_;
  std::map<std::string, std::optional<io::LayerQuantization>> settings_;
  std::map<std::string, bool> done_;
  std::vector<io::TensorJob> jobs_;
};

}  // namespace

io::WrittenModel fuse_model(const io::ModelFolder& source, const models::Model& model,
                            const Adapters& adapters, const io::ModelTarget& target,
                            const FuseOptions& options, FrontEnd& front_end) {
  io::check_model_target(source.path(), target);
  Fuser fuser(source, model, options);
  for (const models::LinearPart& linear : adapters.linears()) {
    std::visit([&](const auto* layer) { fuser.add(*layer); }, linear.linear);
  }
  for (const models::Parameter& trained : adapters.trained()) fuser.add(trained);
  fuser.add_rest();
  return fuser.write(target, front_end);
}

}  // namespace graft::lora
