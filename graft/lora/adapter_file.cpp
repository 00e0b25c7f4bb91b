#include "graft/lora/adapter_file.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <cmath>
#include <set>

#include "graft/base/config_reader.h"
#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/io/finite.h"
#include "graft/io/tensor_info.h"
#include "graft/lora/adapter_path.h"
#include "graft/lora/embedding_adapter.h"
#include "graft/lora/gguf_order.h"
#include "graft/lora/layer_pairs.h"
#include "graft/lora/peft_names.h"
#include "graft/lora/peft_weights.h"
#include "graft/lora/trained_weights.h"
#include "graft/models/language_model_names.h"
#include "graft/models/tied_head.h"

namespace graft::lora {
namespace {

constexpr float kDefaultScale = 20.0f;

// For a layer of any kind.
template <class Layer>
void check_pair(const AdapterFile& file, const Layer& layer, const LayerPair& pair) {
  auto check = [&](const AdapterTensor& found, const char* name, const mx::Shape& expected) {
    if (found.shape == expected) return;
    fail("{}: {}.{} is {}, but the model's layer takes {}: the adapter is of another model",
         file.path.string(), layer.path, name, io::shape_text(found.shape),
         io::shape_text(expected));
  };
  check(*pair.a, "lora_a", layer.a_shape(pair.rank()));
  check(*pair.b, "lora_b", layer.b_shape(pair.rank()));
  if (pair.m != nullptr) check(*pair.m, "m", {layer.out()});
}

std::map<std::string, models::LinearPart> by_path(models::Model& model) {
  std::map<std::string, models::LinearPart> result;
  for (const models::LinearPart& linear : models::adaptable_of(model.parts())) {
    result.insert({linear.path(), linear});
  }
  return result;
}

// A layer of the model with its adapter in the file.
struct Match {
  models::LinearPart linear;
  std::string name;  // in the file
  LayerPair pair;
};

// Checks all before anything is changed.
std::vector<Match> checked_matches(models::Model& model, const AdapterFile& file) {
  const auto linears = by_path(model);
  std::vector<Match> matches;
  std::map<std::string, std::string> names;  // in the file, by the model's
  for (const auto& [path, pair] : layer_pairs(file)) {
    auto found = linears.find(path);
    if (const auto other = mixtral_path(path); found == linears.end() && other) {
      found = linears.find(*other);
    }
    if (found == linears.end()) found = linears.find("language_model." + path);  // multimodal
    if (found == linears.end()) {
      const bool tied = path == "lm_head" && model.untied_embedding() == nullptr;
      fail("{}: the model has no layer {} for {}.lora_a{}: the adapter is of another model",
           file.path.string(), path, path, tied ? " (its head is its embedding)" : "");
    }
    // "model.x" and "language_model.model.x" of a multimodal model, say.
    const auto [first, is_new] = names.insert({found->first, path});
    if (!is_new) {
      fail("{}: {} and {} are one layer of the model, {}: it has two adapters", file.path.string(),
           first->second, path, found->first);
    }
    matches.push_back({found->second, path, pair});
    std::visit([&](const auto* layer) { check_pair(file, *layer, matches.back().pair); },
               found->second.linear);
  }
  if (matches.empty() && file.weights.empty()) {
    fail("{} holds no adapter", file.path.string());
  }
  check_embedding(model, file);
  return matches;
}

// A weight of the model with the one that takes its place.
struct WeightMatch {
  TrainableTensor own;
  std::string name;  // in the file
  AdapterTensor tensor;
};

// The embedding that is the head, too; none if the head is a matrix of its own.
std::optional<models::Matrix> tied_embedding(models::Model& model) {
  for (const models::Part& part : model.parts()) {
    const auto* matrix = std::get_if<models::Matrix>(&part.part);
    if (matrix != nullptr && matrix->tied != nullptr) return *matrix;
  }
  return {};
}

// The file's value of a part of the model, by its path.
const AdapterTensor* weight_of(const AdapterFile& file, std::string path) {
  constexpr std::string_view kWithin = "language_model.";
  path += ".weight";
  auto found = file.weights.find(path);
  if (found == file.weights.end() && path.starts_with(kWithin)) {
    found = file.weights.find(path.substr(kWithin.size()));
  }
  return found == file.weights.end() ? nullptr : &found->second;
}

// Whether it gives a model with one matrix for both another one for the head.
bool unties(const AdapterFile& file, const std::optional<models::Matrix>& tied) {
  if (!tied || file.ties_head.value_or(true)) return false;
  return weight_of(file, tied->path) != nullptr || weight_of(file, tied->tied_path) != nullptr;
}

// Throws Error if a file that does so has an adapter of that matrix, too: in PEFT it then is of the
// embedding alone, in other layouts nothing says so.
void check_untied(const AdapterFile& file, const models::Matrix& tied) {
  const std::string embedding = adapted_embedding(file);
  if (embedding.empty()) return;
  fail(
      "{}: it has an adapter of {}, which is the model's head, too, and {}, which makes the head a "
      "matrix of its own: graft has no adapter of an embedding whose head is trained apart from it",
      file.path.string(), embedding,
      weight_of(file, tied.tied_path) != nullptr ? tied.tied_path + ".weight"
                                                 : tied.path + ".weight");
}

// Whether a weight is the head's of a file that has it beside the embedding, though they are one.
bool is_embedding_again(const AdapterFile& file, const AdapterTensor& tensor,
                        const std::optional<models::Matrix>& tied) {
  if (!tied || file.ties_head != true || &tensor != weight_of(file, tied->tied_path)) return false;
  const AdapterTensor* embedding = weight_of(file, tied->path);
  if (embedding == nullptr) return false;
  if (embedding->shape != tensor.shape ||
      !mx::array_equal(embedding->load(), tensor.load()).item<bool>()) {
    fail("{}: it says that head and embedding are one matrix, but has two: {} and {}",
         file.path.string(), tied->path, tied->tied_path);
  }
  return true;
}

// Checks all before anything is changed.
std::vector<WeightMatch> checked_weights(models::Model& model, const AdapterFile& file) {
  std::vector<WeightMatch> matches;
  const std::optional<models::Matrix> tied = tied_embedding(model);
  const bool splits = unties(file, tied);
  if (splits) check_untied(file, *tied);
  const std::vector<TrainableTensor> all =
      trainable_tensors(model, splits ? TiedHead::own : TiedHead::same);
  check_saved_weights(file, all, tied.has_value());
  std::map<std::string, std::string> names;  // in the file, by the model's
  std::map<std::string, TrainableTensor> by_name;
  for (const TrainableTensor& tensor : all) by_name.insert({tensor.name, tensor});
  for (const auto& [name, tensor] : file.weights) {
    if (is_embedding_again(file, tensor, tied)) continue;
    auto found = by_name.find(name);
    const size_t dot = name.rfind('.');
    if (const auto other = mixtral_path(name.substr(0, dot)); found == by_name.end() && other) {
      found = by_name.find(*other + name.substr(dot));
    }
    if (found == by_name.end()) found = by_name.find("language_model." + name);  // multimodal
    if (found == by_name.end()) {
      fail("{}: the model has no weight {}: the file is of another model", file.path.string(),
           name);
    }
    const TrainableTensor& own = found->second;
    if (own.shape != tensor.shape) {
      fail("{}: {} is {}, but the model's is {}: the file is of another model", file.path.string(),
           name, io::shape_text(tensor.shape), io::shape_text(own.shape));
    }
    if (!own.refused.empty()) {
      fail("{}: {} cannot take the place of the model's: {}{}", file.path.string(), name,
           own.refused, dequantize_hint(own));
    }
    const auto [first, is_new] = names.insert({own.name, name});
    if (!is_new) {
      fail("{}: {} and {} are one weight of the model, {}", file.path.string(), first->second, name,
           own.name);
    }
    matches.push_back({own, name, tensor});
  }
  return matches;
}

// Of the part that is trained.
int trained_rank(const LayerPair& pair, const std::optional<LoraSettings>& settings) {
  return settings && settings->half_is_frozen ? pair.rank() / 2 : pair.rank();
}

// The second half of a rank as the frozen update.
nn::LoraAdapter with_frozen_half(const nn::LoraAdapter& whole) {
  const int rank = whole.a.shape(1) / 2, in = whole.a.shape(0), out = whole.b.shape(1);
  const auto copy = [](const mx::array& part) { return mx::multiply(part, mx::array(1.0f)); };
  nn::LoraAdapter adapter = whole;
  adapter.a = copy(mx::slice(whole.a, {0, 0}, {in, rank}));
  adapter.b = copy(mx::slice(whole.b, {0, 0}, {rank, out}));
  adapter.frozen = nn::FrozenUpdate{copy(mx::slice(whole.a, {0, rank}, {in, 2 * rank})),
                                    copy(mx::slice(whole.b, {rank, 0}, {2 * rank, out}))};
  return adapter;
}

// In memory of its own: training must not write into the file's mapping, nor keep it open.
mx::array own_copy(const AdapterFile& file, const std::string& name, const AdapterTensor& tensor) {
  // A product, not a sum, which would make 0 of -0.
  const mx::array copy = mx::multiply(mx::astype(tensor.load(), mx::float32), mx::array(1.0f));
  io::check_finite(copy, file.path.string() + ": " + name);
  return copy;
}

// What is written of the adapters of a model.
AdapterFile file_of(const fs::path& path, const Adapters& adapters, const AdapterOrigin& origin) {
  AdapterFile file{origin};
  file.path = path;
  file.settings = adapters.settings();
  for (const models::Parameter& parameter : adapters.trained()) {
    file.weights.insert({parameter.name, *parameter.place});
    file.ties_head = file.ties_head.value_or(false) || parameter.also != nullptr;
  }
  for (const models::LinearPart& linear : adapters.linears()) {
    const auto [a, b] = linear.adapter()->factors();
    file.tensors.insert({linear.path() + ".lora_a", a});
    file.tensors.insert({linear.path() + ".lora_b", b});
    const auto& magnitude = linear.adapter()->magnitude;
    if (magnitude) file.tensors.insert({linear.path() + ".m", magnitude->m});
    const float scale = linear.adapter()->scale;
    if (scale != file.settings->scale) file.scales[linear.path()] = scale;
  }
  return file;
}

}  // namespace

std::map<std::string, mx::array> loaded(const std::map<std::string, AdapterTensor>& tensors) {
  std::map<std::string, mx::array> values;
  for (const auto& [name, tensor] : tensors) {
    values.insert({name, tensor.load()});
    io::check_finite(values.at(name), name);
  }
  return values;
}

BaseShape BaseShape::of(const io::ModelFolder& folder) {
  const json& config = folder.config();
  const json& text = config.contains("text_config") && config["text_config"].is_object()
                         ? config["text_config"]
                         : config;
  const ConfigReader read(text, "config.json");
  BaseShape shape;
  shape.model_type = ConfigReader(config, "config.json").text("model_type", "");
  shape.head_dim = static_cast<int>(read.integer("head_dim", 0));
  const auto heads = read.integer("num_attention_heads", 0), width = read.integer("hidden_size", 0);
  if (shape.head_dim == 0 && heads > 0) shape.head_dim = static_cast<int>(width / heads);
  shape.tied_head = !models::has_own_head(folder, models::LanguageModelNames::of(folder));
  return shape;
}

float AdapterFile::scale_of(const std::string& layer) const {
  const auto found = scales.find(layer);
  return found != scales.end() ? found->second : settings.value().scale;
}

void check_adapter_path(const fs::path& path) {
  const AdapterFormat& format = format_of(path);
  if (format.check != nullptr) format.check(path);
}

void check_layout(const fs::path& path, const Adapters& adapters, const AdapterOrigin& origin) {
  const AdapterFormat& format = format_of(path);
  const LoraSettings& settings = adapters.settings();
  const bool is_full = settings.type == FineTuneType::full;
  std::string what;
  if (settings.type == FineTuneType::dora && !format.holds_dora) what = "DoRA";
  if (!format.holds_weights && (is_full || !settings.extra.empty())) {
    what = "weights that are trained as they are";
  }
  if (!format.holds_weights_beside_adapters && !is_full && !settings.extra.empty()) {
    what = "weights that are trained beside adapters";
  }
  const AdapterFile file = file_of(path, adapters, origin);
  if (what.empty() && format.refuses != nullptr) what = format.refuses(file);
  if (what.empty() && format.check_room != nullptr) format.check_room(file);
  if (what.empty()) return check_embedding_in(format, file);
  fail_usage(
      "{}: the layout {} does not hold {}: take .npz or .safetensors, and `graft fuse` or "
      "`graft export` for a whole model",
      path.string(), format.name, what);
}

AdapterFile read_adapter_file(const fs::path& path) {
  AdapterFile file;
  file.path = found_adapter(path);
  format_of(file.path).read(file);
  return file;
}

void warn_if_other_base(const AdapterFile& file, const std::string& fingerprint,
                        FrontEnd& front_end) {
  if (file.base_fingerprint.empty() || file.base_fingerprint == fingerprint) return;
  front_end.warn(
      "{} was trained on another base model, or on other weights of this one (quantized, say)",
      file.path.string());
}

int rank_of(const AdapterFile& file) {
  const auto all = layer_pairs(file);
  return all.empty() ? 0 : trained_rank(all.rbegin()->second, file.settings);
}

void check_fits(models::Model& model, const AdapterFile& file) {
  checked_weights(model, file);
  checked_matches(model, file);
  check_base_weights(model, file);
}

Adapters apply(models::Model& model, const AdapterFile& given, FrontEnd& front_end) {
  AdapterFile file = in_own_order(given, model.head_dim());
  if (!file.settings) {
    file.settings = LoraSettings{.scale = kDefaultScale, .num_layers = -1};
    front_end.note("{} does not say its scale: {} is taken", file.path.string(), kDefaultScale);
  }
  LoraSettings settings = *file.settings;
  std::vector<mx::array> values;
  std::set<int> ranks;
  const std::vector<WeightMatch> weights = checked_weights(model, file);
  const std::vector<Match> matches = checked_matches(model, file);
  check_base_weights(model, file, front_end);
  for (const auto& [linear, name, pair] : matches) {
    ranks.insert(trained_rank(pair, file.settings));
    const mx::array a = own_copy(file, name + ".lora_a", *pair.a);
    const mx::array b = own_copy(file, name + ".lora_b", *pair.b);
    linear.adapter() = nn::LoraAdapter{a, b, file.scale_of(name), settings.dropout};
    if (settings.half_is_frozen) {
      if (settings.dropout > 0) {
        fail_usage("{}: half of it is frozen, as `init` has it: it takes no `dropout`",
                   file.path.string());
      }
      if (pair.rank() % 2 != 0 || pair.is_of_experts() || pair.m != nullptr || linear.layer < 0) {
        fail("{}: {} is no adapter of which half is frozen", file.path.string(), name);
      }
      linear.adapter() = with_frozen_half(*linear.adapter());
      const nn::FrozenUpdate& frozen = *linear.adapter()->frozen;
      values.insert(values.end(), {frozen.a, frozen.b});
    }
    values.insert(values.end(), {linear.adapter()->a, linear.adapter()->b});
    if (pair.m == nullptr) continue;
    linear.adapter()->magnitude = magnitude_of(linear, own_copy(file, name + ".m", *pair.m));
    values.push_back(linear.adapter()->magnitude->m);
  }
  mx::eval(values);
  // Of layers with several, the one that it says.
  if (!ranks.empty() && ranks.count(settings.rank) == 0) settings.rank = *ranks.rbegin();
  std::vector<models::Parameter> trained;
  if (unties(file, tied_embedding(model))) model.untie_head();
  for (const auto& [own, name, tensor] : weights) {
    mx::array copy = own_copy(file, name, tensor);
    copy.eval();
    trained.push_back(own.put(copy));
  }
  if (!trained.empty()) release_mapped_files();
  return Adapters(model, settings, trained);
}

namespace {

// In memory, and finite: nothing is written, or taken away for it, before all is known to be good.
AdapterFile checked(const AdapterFile& file) {
  AdapterFile whole = file;
  for (auto* tensors : {&whole.tensors, &whole.weights}) {
    for (auto& [name, tensor] : *tensors) {
      const mx::array values = tensor.load();
      io::check_finite(values, file.path.string() + ": " + name);
      tensor = AdapterTensor(values);
    }
  }
  if (!file.settings) return whole;
  for (const auto& [layer, pair] : layer_pairs(whole)) {
    if (!std::isfinite(file.scale_of(layer))) {
      fail("{}: the scale of {} is too large", file.path.string(), layer);
    }
  }
  return whole;
}

}  // namespace

void write_adapter_file(const AdapterFile& file) {
  if (layer_pairs(file).empty() && file.weights.empty())
    fail("there is no adapter to write to {}", file.path.string());
  const AdapterFormat& format = format_of(file.path);
  check_embedding_in(format, file);
  format.write(checked(in_own_order(file, file.base.head_dim)));
}

void split_weights(AdapterFile& file) {
  if (!file.settings) return;
  if (file.settings->type == FineTuneType::dora && !is_dora(file)) {
    fail("{} says that it is DoRA, and has no magnitudes", file.path.string());
  }
  if (file.settings->type != FineTuneType::full && file.settings->extra.empty()) return;
  for (auto at = file.tensors.begin(); at != file.tensors.end();) {
    const std::string& name = at->first;
    const bool is_adapter =
        name.ends_with(".lora_a") || name.ends_with(".lora_b") || name.ends_with(".m");
    const auto here = at++;
    if (!is_adapter) file.weights.insert(file.tensors.extract(here));
  }
}

std::map<std::string, AdapterTensor> all_tensors(const AdapterFile& file) {
  std::map<std::string, AdapterTensor> all = file.tensors;
  all.insert(file.weights.begin(), file.weights.end());
  return all;
}

void save_adapter_file(const fs::path& path, const Adapters& adapters,
                       const AdapterOrigin& origin) {
  write_adapter_file(file_of(path, adapters, origin));
}

}  // namespace graft::lora
