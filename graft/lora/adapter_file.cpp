#include "graft/lora/adapter_file.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <cmath>

#include "graft/base/config_reader.h"
#include "graft/base/error.h"
#include "graft/io/finite.h"
#include "graft/io/json.h"
#include "graft/io/tensor_info.h"
#include "graft/lora/adapter_format.h"
#include "graft/lora/mlx_lm_config.h"

namespace graft::lora {
namespace {

constexpr float kDefaultScale = 20.0f;
constexpr size_t kMostProvenance = 32768;  // bytes
constexpr size_t kMostConfig = 16384;

constexpr const AdapterFormat* kFormats[] = {&kNpzAdapters, &kSafetensorsAdapters};

// By the path's extension. Throws UsageError for one that no format has.
const AdapterFormat& format_of(const fs::path& path) {
  std::string known;
  for (const AdapterFormat* format : kFormats) {
    if (path.extension() == format->extension) return *format;
    known += (known.empty() ? "" : " or ") + std::string(format->extension);
  }
  fail_usage("the adapter file {} must end in {}", path.string(), known);
}

std::string to_metadata(const LoraSettings& s, const AdapterOrigin& origin) {
  io::Provenance provenance = origin.provenance;
  // A zip's comment holds 64 kB: of very many trainings only the last ones are kept.
  while (provenance.steps.size() > 1 && provenance.to_json().dump().size() > kMostProvenance) {
    provenance.steps.erase(provenance.steps.begin());
  }
  json object = {{"rank", s.rank},           {"scale", s.scale},
                 {"dropout", s.dropout},     {"num_layers", s.num_layers},
                 {"keys", s.keys},           {"base_fingerprint", origin.base_fingerprint},
                 {"version", GRAFT_VERSION}, {"provenance", provenance.to_json()}};
  const auto replace = json::error_handler_t::replace;
  if (!origin.config.empty() && origin.config.dump(-1, ' ', false, replace).size() <= kMostConfig) {
    object["config"] = origin.config;
  }
  return json{{kSettingsKey, object}}.dump(-1, ' ', false, replace);
}

void read_metadata(AdapterFile& file, const std::string& text) {
  if (text.empty()) return;
  std::string what = file.path.string() + ": its settings";
  json whole = io::parse_json(text, what);
  if (!whole.is_object() || !whole.contains(kSettingsKey)) return;
  const json& object = whole[kSettingsKey];
  if (!object.is_object()) fail("{}: {} must be an object", what, kSettingsKey);
  ConfigReader read(object, what);
  LoraSettings settings;
  settings.rank = static_cast<int>(read.integer("rank"));
  settings.scale = static_cast<float>(read.number("scale"));
  if (!std::isfinite(settings.scale)) fail("{}: scale is too large", what);
  settings.dropout = static_cast<float>(read.number("dropout", 0.0));
  if (!(settings.dropout >= 0 && settings.dropout < 1)) {
    fail("{}: dropout must be at least 0 and below 1, found {}", what, settings.dropout);
  }
  settings.num_layers = static_cast<int>(read.integer("num_layers", -1, -1));
  if (object.contains("keys") && object["keys"].is_array()) {
    for (const json& key : object["keys"]) {
      if (key.is_string()) settings.keys.push_back(key);
    }
  }
  file.settings = settings;
  file.base_fingerprint = read.text("base_fingerprint", "");
  file.provenance = io::Provenance::from_json(object.value("provenance", json()));
  const auto config = object.find("config");
  if (config != object.end() && config->is_object()) file.config = *config;
}

struct Pair {
  const AdapterTensor *a, *b;
};

// The file's adapters by layer path. Throws Error if one lacks lora_a or lora_b.
std::map<std::string, Pair> pairs(const AdapterFile& file) {
  std::map<std::string, Pair> result;
  for (const auto& [name, tensor] : file.tensors) {
    size_t dot = name.rfind('.');
    std::string last = dot == std::string::npos ? name : name.substr(dot + 1);
    if (name.starts_with("base_model.model.")) {
      fail("{} is an adapter of PEFT (it holds {}): these are not supported yet",
           file.path.string(), name);
    }
    if (last != "lora_a" && last != "lora_b") {
      fail("{}: {} is no part of a LoRA adapter (names end in .lora_a or .lora_b)",
           file.path.string(), name);
    }
    Pair& pair = result[name.substr(0, dot)];
    (last == "lora_a" ? pair.a : pair.b) = &tensor;
  }
  for (const auto& [path, pair] : result) {
    if (pair.a == nullptr || pair.b == nullptr) {
      fail("{}: {}.{} is missing", file.path.string(), path,
           pair.a == nullptr ? "lora_a" : "lora_b");
    }
  }
  return result;
}

// For a Linear or an ExpertLinear.
template <class Layer>
void check_pair(const AdapterFile& file, const Layer& layer, const Pair& pair) {
  auto check = [&](const AdapterTensor& found, const char* name, const mx::Shape& expected) {
    if (found.shape == expected) return;
    fail("{}: {}.{} is {}, but the model's layer takes {}: the adapter is of another model",
         file.path.string(), layer.path, name, io::shape_text(found.shape),
         io::shape_text(expected));
  };
  const int rank = pair.a->shape.size() == layer.a_shape(1).size() ? pair.a->shape[1] : 0;
  check(*pair.a, "lora_a", layer.a_shape(std::max(rank, 1)));
  check(*pair.b, "lora_b", layer.b_shape(rank));
}

std::map<std::string, models::LinearPart> by_path(models::Model& model) {
  std::map<std::string, models::LinearPart> result;
  for (const models::LinearPart& linear : models::linears_of(model.parts())) {
    result.insert({linear.path(), linear});
  }
  return result;
}

// Checks all before anything is changed.
std::map<std::string, Pair> checked_pairs(models::Model& model, const AdapterFile& file) {
  auto linears = by_path(model);
  auto all = pairs(file);
  if (all.empty()) fail("{} holds no adapter", file.path.string());
  for (const auto& one : all) {
    const std::string& path = one.first;
    auto found = linears.find(path);
    if (found == linears.end()) {
      fail("{}: the model has no layer {} for {}.lora_a: the adapter is of another model",
           file.path.string(), path, path);
    }
    std::visit([&](const auto* layer) { check_pair(file, *layer, one.second); },
               found->second.linear);
  }
  return all;
}

// In memory of its own: training must not write into the file's mapping, nor keep it open.
mx::array own_copy(const AdapterFile& file, const std::string& name, const AdapterTensor& tensor) {
  // A product, not a sum, which would make 0 of -0.
  const mx::array copy = mx::multiply(mx::astype(tensor.load(), mx::float32), mx::array(1.0f));
  io::check_finite(copy, file.path.string() + ": " + name);
  return copy;
}

}  // namespace

std::map<std::string, mx::array> loaded(const std::map<std::string, AdapterTensor>& tensors) {
  std::map<std::string, mx::array> values;
  for (const auto& [name, tensor] : tensors) values.insert({name, tensor.load()});
  return values;
}

void check_adapter_path(const fs::path& path) {
  format_of(path);
  check_mlx_lm_config(path);
}

AdapterFile read_adapter_file(const fs::path& path) {
  const AdapterFormat& format = format_of(path);
  if (!fs::exists(path)) fail("there is no adapter file {}", path.string());
  AdapterContents contents = format.read(path);
  AdapterFile file;
  file.path = path;
  file.tensors = std::move(contents.tensors);
  read_metadata(file, contents.settings);
  // mlx-lm's config is of one file; one without settings of its own may have been called so.
  if (format.settings_beside == nullptr) return file;
  if (file.settings && !is_mlx_lm_adapter(path)) return file;
  if (const auto beside = format.settings_beside(path)) {
    if (!file.settings) {
      file.settings = beside;
    } else if (file.settings->scale != beside->scale) {
      fail("{} says that its scale is {}, but {} beside it {}: remove the one that is wrong",
           path.string(), file.settings->scale, kAdapterConfig, beside->scale);
    }
  }
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
  const auto all = pairs(file);
  return all.empty() ? 0 : all.rbegin()->second.a->shape.at(1);
}

void check_fits(models::Model& model, const AdapterFile& file) { checked_pairs(model, file); }

Adapters apply(models::Model& model, const AdapterFile& file, FrontEnd& front_end) {
  auto all = checked_pairs(model, file);
  LoraSettings settings;
  if (file.settings) {
    settings = *file.settings;
  } else {
    settings.scale = kDefaultScale;
    front_end.note("{} does not say its scale: {} is taken", file.path.string(), kDefaultScale);
    settings.num_layers = -1;
  }
  auto linears = by_path(model);
  std::vector<mx::array> values;
  for (const auto& [path, pair] : all) {
    settings.rank = pair.a->shape[1];
    const mx::array a = own_copy(file, path + ".lora_a", *pair.a);
    const mx::array b = own_copy(file, path + ".lora_b", *pair.b);
    linears.at(path).adapter() = nn::LoraAdapter{a, b, settings.scale, settings.dropout};
    values.insert(values.end(), {a, b});
  }
  mx::eval(values);
  return Adapters(model, settings);
}

void save_adapter_file(const fs::path& path, const Adapters& adapters,
                       const AdapterOrigin& origin) {
  AdapterContents contents;
  for (const models::Parameter& parameter : adapters.parameters().all()) {
    contents.tensors.insert({parameter.name, *parameter.place});
  }
  contents.settings = to_metadata(adapters.settings(), origin);
  if (!is_mlx_lm_adapter(path)) return format_of(path).write(path, contents);
  check_mlx_lm_config(path);
  std::vector<std::string> names;
  for (const auto& [name, tensor] : contents.tensors) names.push_back(name);
  const MlxLmConfig config(path, adapters.settings(), names);
  config.remove_another();
  format_of(path).write(path, contents);
  config.write();
}

}  // namespace graft::lora
