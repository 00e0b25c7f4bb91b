#include "graft/gguf/export.h"

#include <mlx/ops.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "graft/base/error.h"
#include "graft/gguf/architecture.h"
#include "graft/gguf/matrix_writer.h"
#include "graft/gguf/model_keys.h"
#include "graft/gguf/model_name.h"
#include "graft/gguf/tensors.h"
#include "graft/gguf/vocabulary.h"
#include "graft/io/finite.h"
#include "graft/io/gguf_writer.h"
#include "graft/io/json.h"
#include "graft/models/config_defaults.h"
#include "graft/models/language_model_names.h"

namespace graft::gguf {
namespace {

using Type = io::GgufTensorType;

constexpr Type kExactTypes[] = {Type::q4_0, Type::q4_1, Type::q5_0, Type::q5_1, Type::q8_0};

// That of the language model, where a checkpoint has other parts.
json text_config(const io::ModelFolder& source) {
  json config = source.config();
  const auto part = config.find("text_config");
  if (part != config.end() && part->is_object()) {
    const json text = *part;
    config.update(text);
    if (config.value("model_type", "") == "gemma3") config["model_type"] = "gemma3_text";
  }
  return models::with_defaults(std::move(config));
}

// A tensor and how it is stored.
struct Planned {
  Tensor tensor;
  Type type = Type::f32;
  bool exact = true, fallback = false;
};

class Exporter {
 public:
  Exporter(models::Decoder& model, const io::ModelFolder& source, const ExportOptions& options,
           FrontEnd& front_end)
      : model_(model),
        source_(source),
        options_(options),
        front_end_(front_end),
        config_(text_config(source)),
        model_type_(source.config().value("model_type", "")),
        architecture_(architecture_of(model_type_)),
        names_(models::LanguageModelNames::of(source)) {}

  // All that llama.cpp must have.
  void check() {
    check_model();
    plan();
    io::GgufKeys keys;
    set_metadata(keys);
  }

  ExportedFile write(const fs::path& target) {
    check_model();
    plan();
    io::GgufWriter file(target);
    set_metadata(file);
    for (const Planned& one : planned_) {
      file.declare(one.tensor.name, one.type, one.tensor.shape);
    }
    write_tensors(file);
    file.commit();
    return finished(file);
  }

 private:
  void check_model() {
    const std::string what = source_.path().string();
    for (const std::string& note : check_architecture(architecture_, model_, what)) {
      front_end_.note("{}", note);
    }
  }

  void plan() {
    for (Tensor& tensor : tensors_of(model_, architecture_)) {
      front_end_.check_cancelled();
      Planned one{.tensor = std::move(tensor)};
      if (one.tensor.is_matrix()) choose_type(one);
      planned_.push_back(std::move(one));
    }
  }

  void choose_type(Planned& one) const {
    const int width = one.tensor.shape.back();
    Type wanted = options_.type == nullptr ? kept_type(one.tensor) : options_.type->matrix;
    // Where nothing is lost, no mix is needed.
    if (!holds_exactly(wanted, one.tensor) && options_.type != nullptr) {
      const MatrixPlace place{one.tensor.name, one.tensor.layer, width, one.tensor.is_head};
      wanted = mixed_type(*options_.type, place, mix_model());
    }
    one.type = fitting_type(wanted, width);
    one.fallback = one.type != wanted;
    one.exact = holds_exactly(one.type, one.tensor);
    if (one.exact || !one.fallback || !quantized(one.tensor)) return;
    // What is asked for cannot be had: what holds the numbers exactly is better than what rounds.
    const auto bits = [](Type type) {
      const io::GgufBlock block = io::block_of(type);
      return static_cast<double>(block.bytes) / static_cast<double>(block.elements);
    };
    for (const Type type : kExactTypes) {
      if (bits(type) > bits(one.type) || !holds_exactly(type, one.tensor)) continue;
      one = {.tensor = std::move(one.tensor), .type = type};
      return;
    }
  }

  static bool quantized(const Tensor& tensor) {
    return !tensor.adapted && tensor.base->quantized();
  }

  Type kept_type(const Tensor& tensor) const {
    if (!tensor.base->quantized()) {
      // A weight that was trained is f32 in the model, whatever the checkpoint has.
      const std::string stored = names_.stored_of_hub(tensor.path) + ".weight";
      const mx::Dtype dtype =
          source_.has(stored) ? source_.info(stored).dtype : tensor.base->weight.dtype();
      return dtype == mx::float32 ? Type::f32 : dtype == mx::bfloat16 ? Type::bf16 : Type::f16;
    }
    for (const Type type : kExactTypes) {
      if (!tensor.adapted && holds_exactly(type, tensor)) return type;
    }
    return Type::q8_0;
  }

  MixModel mix_model() const {
    const models::DecoderParts& model = model_.structure();
    const models::Block& first = model.blocks.front();
    const ops::AttentionOptions& heads = first.attention.config().options;
    const auto* experts = std::get_if<models::Experts>(&first.mlp);
    return {.architecture = architecture_.name,
            .layers = static_cast<int>(std::ssize(model.blocks)),
            .experts = experts == nullptr ? 0 : experts->config().count,
            .grouped_queries = heads.kv_heads < heads.heads};
  }

  ModelSize model_size() const {
    ModelSize size{.experts = mix_model().experts};
    for (const Planned& one : planned_) {
      size.parameters += one.tensor.size();
      if (one.tensor.shape.size() == 3) size.in_experts += one.tensor.size();
    }
    return size;
  }

  void set_metadata(io::GgufKeys& file) const {
    file.set("general.architecture", architecture_.name);
    GeneralInfo info = options_.info;
    info.name = safe_name(info.name, wants_phi3_name(source_));
    set_general_keys(file, info, model_size());
    const fs::path generation = source_.path() / "generation_config.json";
    if (is_there(generation)) set_sampling_keys(file, io::read_json_object(generation));
    set_model_keys(file, architecture_, model_, config_);
    file.set("general.file_type", file_type_number());
    add_vocabulary(file, source_, static_cast<size_t>(model_.vocab_size()), front_end_);
  }

  uint32_t file_type_number() const {
    if (options_.type != nullptr) return options_.type->number;
    std::map<Type, size_t> sizes;
    for (const Planned& one : planned_) {
      if (one.tensor.is_matrix()) sizes[one.type] += one.tensor.size();
    }
    const auto most =
        std::max_element(sizes.begin(), sizes.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; });
    return file_type_of(most->first).number;
  }

  void write_tensors(io::GgufWriter& file) {
    size_t total = 0, done = 0;
    for (const Planned& one : planned_) total += one.tensor.size();
    for (const Planned& one : planned_) {
      front_end_.check_cancelled();
      const size_t before = file.written();
      if (one.tensor.is_matrix()) {
        const Squares lost = write_matrix(file, one.tensor, one.type, front_end_);
        tally(one, file.written() - before, lost);
      } else {
        mx::array values = mx::contiguous(one.tensor.values());
        io::check_finite(values, one.tensor.name);
        file.write(one.tensor.name, {values.data<char>(), values.nbytes()});
      }
      done += one.tensor.size();
      front_end_.progress({{static_cast<double>(done) / static_cast<double>(total),
                            {fmt::format("{:.2f} GB", static_cast<double>(file.written()) / 1e9),
                             one.tensor.name}}});
    }
    front_end_.progress({});
  }

  void tally(const Planned& one, size_t bytes, const Squares& lost) {
    ExportedType& type = types_[one.type];
    type.type = one.type;
    ++type.tensors;
    type.bytes += bytes;
    type.exact += one.exact ? 1 : 0;
    type.fallbacks += one.fallback ? 1 : 0;
    if (!one.exact) squares_[one.type].add(lost);
  }

  ExportedFile finished(const io::GgufWriter& file) {
    ExportedFile result{.tensors = planned_.size(), .bytes = file.written()};
    for (auto& [type, one] : types_) {
      const Squares& sums = squares_[type];
      if (sums.weight > 0) one.error = std::sqrt(sums.error / sums.weight);
      result.types.push_back(one);
    }
    std::sort(result.types.begin(), result.types.end(),
              [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
    return result;
  }

  models::Decoder& model_;
  const io::ModelFolder& source_;
  const ExportOptions& options_;
  FrontEnd& front_end_;
  json config_;
  std::string model_type_;
  const Architecture& architecture_;
  models::LanguageModelNames names_;
  std::vector<Planned> planned_;
  std::map<Type, ExportedType> types_;
  std::map<Type, Squares> squares_;
};

}  // namespace

void check_exportable(models::Decoder& model, const io::ModelFolder& source) {
  const ExportOptions options{.type = file_type("f16")};  // the quickest to plan: no number counts
  Exporter(model, source, options, *silent_front_end()).check();
}

ExportedFile export_gguf(models::Decoder& model, const io::ModelFolder& source,
                         const fs::path& target, const ExportOptions& options,
                         FrontEnd& front_end) {
  return Exporter(model, source, options, front_end).write(target);
}

}  // namespace graft::gguf
