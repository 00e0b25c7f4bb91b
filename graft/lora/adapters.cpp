#include "graft/lora/adapters.h"

#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "graft/base/error.h"
#include "graft/io/finite.h"
#include "graft/io/unread_array.h"
#include "graft/lora/layer_config.h"
#include "graft/lora/module_name.h"
#include "graft/lora/trained_weights.h"
#include "graft/nn/magnitude.h"

namespace graft::lora {
namespace {

// "all" is the layers alone, as PEFT's all-linear.
bool matches(const models::LinearPart& linear, const std::string& key) {
  return key == "all" ? linear.layer >= 0 : names_module(key, linear.path());
}

// What a person can name: the parts of paths after the layer's number.
std::string choices(const std::vector<models::LinearPart>& linears) {
  std::set<std::string> names;
  for (const models::LinearPart& linear : linears) {
    const std::string& path = linear.path();
    size_t digits = path.find_first_of("0123456789");
    size_t dot = digits == std::string::npos ? digits : path.find('.', digits);
    names.insert(dot == std::string::npos ? path : path.substr(dot + 1));
  }
  std::string text = "all";
  for (const std::string& name : names) text += ", " + name;
  return text;
}

// DoRA's, of the adapters as they are now.
void update_norms(const std::vector<models::LinearPart>& linears, Fresh fresh) {
  std::vector<mx::array> norms;
  for (const models::LinearPart& linear : linears) {
    nn::LoraAdapter& adapter = *linear.adapter();
    if (!adapter.magnitude) continue;
    nn::Magnitude& its = *adapter.magnitude;
    its.norms = nn::adapted_norms(*std::get<nn::Linear*>(linear.linear));
    norms.push_back(its.norms);
  }
  if (fresh != Fresh::unread) mx::eval(norms);
}

// A layer that gets an adapter.
struct Chosen {
  models::LinearPart linear;
  int rank;
  float scale;
};

mx::array first_a(const mx::Shape& shape, int in, int rank, InitialWeights::Kind kind) {
  if (kind == InitialWeights::Kind::gaussian) {
    return mx::random::normal(shape, mx::float32, 0.0f, 1.0f / static_cast<float>(rank));
  }
  const float bound = 1.0f / std::sqrt(static_cast<float>(in));
  return mx::random::uniform(-bound, bound, shape, mx::float32);
}

// For a layer of any kind.
template <class Layer>
nn::LoraAdapter fresh_adapter(const Layer& layer, const Chosen& chosen,
                              const LoraSettings& settings, Fresh fresh) {
  const mx::Shape a = layer.a_shape(chosen.rank), b = layer.b_shape(chosen.rank);
  if (fresh == Fresh::unread) {
    return {io::unread_array(a, mx::float32), io::unread_array(b, mx::float32), chosen.scale,
            settings.dropout};
  }
  return {first_a(a, layer.in(), chosen.rank, settings.initial.kind), mx::zeros(b, mx::float32),
          chosen.scale, settings.dropout};
}

// With a part of the weight in a and b, and the same taken off.
nn::LoraAdapter part_of_weight(const nn::Linear& layer, const Chosen& chosen,
                               const LoraSettings& settings, Fresh fresh) {
  nn::LoraAdapter adapter = fresh_adapter(layer, chosen, settings, Fresh::unread);
  if (fresh == Fresh::unread) {
    adapter.frozen = nn::FrozenUpdate{adapter.a, adapter.b};
    return adapter;
  }
  const mx::array w = ops::dequantized(layer.weight, mx::float32);
  std::tie(adapter.a, adapter.b) =
      settings.initial.kind == InitialWeights::Kind::olora
          ? orthonormal_factors(w, chosen.rank)
          : principal_factors(w, chosen.rank, chosen.scale, settings.initial.iterations);
  mx::eval(adapter.a, adapter.b);  // one at a time: the weight is dense for it
  io::check_finite(adapter.a, layer.path + ".weight");
  adapter.frozen = nn::FrozenUpdate{mx::add(adapter.a, mx::array(0.0f)), mx::negative(adapter.b)};
  return adapter;
}

// The layer, where `what` can be on it.
const nn::Linear* layer_of_one(const models::LinearPart& linear, const std::string& what) {
  const auto* const* one = std::get_if<nn::Linear*>(&linear.linear);
  if (one == nullptr || linear.layer < 0) {
    fail_usage("{}: {} is {}, for which there is none: name other `keys`", what, linear.path(),
               linear.is_embedding() ? "the embedding"
               : one == nullptr      ? "a layer of experts"
                                     : "the head");
  }
  return *one;
}

// The layer whose gradients its arrays' come with, as models::Parameter has it.
int parameter_layer(const models::LinearPart& linear, const models::Model& model) {
  return linear.layer >= 0 || linear.is_embedding() ? linear.layer : model.num_layers();
}

// Outside of the layers, what is named is adapted, whatever their number.
bool is_below(const models::LinearPart& linear, int first) {
  return linear.layer >= 0 && linear.layer < first;
}

const nn::Linear* dora_layer(const models::LinearPart& linear) {
  return layer_of_one(linear, "`fine_tune_type` dora");
}

// The layers in the order in which their random numbers are drawn.
std::vector<Chosen> chosen_layers(models::Model& model, const LoraSettings& settings) {
  const std::vector<models::LinearPart> linears = models::adaptable_of(model.parts());
  const int first = settings.num_layers < 0 ? 0 : model.num_layers() - settings.num_layers;
  std::vector<Chosen> chosen;
  if (settings.layers) {
    for (const models::LinearPart& linear : settings.layers->adapted(linears)) {
      if (is_below(linear, first) || linear.adapter()) continue;
      chosen.push_back(
          {linear, settings.layers->rank_of(linear), settings.layers->scale_of(linear)});
    }
    if (chosen.empty()) fail_usage("`lora_config` and `num_layers` together adapt no layer");
    return chosen;
  }
  std::set<std::string> taken;
  for (const std::string& key : settings.keys) {
    const bool found = std::any_of(linears.begin(), linears.end(),
                                   [&](const auto& linear) { return matches(linear, key); });
    if (!found) {
      fail_usage("`keys`: '{}' names no linear layer of this model{}; there are: {}", key,
                 key.ends_with("lm_head") && model.untied_embedding() == nullptr
                     ? ", whose head is its embedding"
                     : "",
                 choices(linears));
    }
    for (const models::LinearPart& linear : linears) {
      if (!matches(linear, key) || is_below(linear, first) || linear.adapter()) continue;
      if (taken.insert(linear.path()).second) {
        chosen.push_back({linear, settings.rank, settings.scale});
      }
    }
  }
  return chosen;
}

// What a part of the weight cannot be, by name.
void check_part_of_weight(const std::vector<Chosen>& all, const LoraSettings& settings) {
  const std::string what = "`init` " + settings.initial.name();
  if (settings.type == FineTuneType::dora) {
    fail_usage("{} has no part with `fine_tune_type` dora", what);
  }
  if (settings.dropout > 0) {
    fail_usage("{} takes a part of the weight into the adapter: it is without `dropout`", what);
  }
  for (const Chosen& one : all) {
    const nn::Linear* layer = layer_of_one(one.linear, what);
    if (one.rank > std::min(layer->in(), layer->out())) {
      fail_usage("{}: `rank` {} is above the {} of {}", what, one.rank,
                 std::min(layer->in(), layer->out()), layer->path);
    }
    if (!(one.scale > 0)) {
      fail_usage("{}: the scale {} of {} is not above 0", what, one.scale, layer->path);
    }
  }
}

}  // namespace

Adapters::Adapters(models::Model& model, LoraSettings settings,
                   const std::vector<models::Parameter>& trained, Fresh fresh)
    : settings_(std::move(settings)), trained_(trained) {
  std::vector<models::Parameter> parameters = trained;
  for (const models::LinearPart& linear : models::adaptable_of(model.parts())) {
    std::optional<nn::LoraAdapter>& adapter = linear.adapter();
    if (!adapter) continue;
    linears_.push_back(linear);
    const int layer = parameter_layer(linear, model);
    parameters.push_back({linear.path() + ".lora_a", layer, &adapter->a});
    parameters.push_back({linear.path() + ".lora_b", layer, &adapter->b});
    if (!adapter->magnitude) continue;
    for (const models::Parameter& own : trained_) {
      if (own.name == linear.path() + ".weight") {
        fail_usage("{}: DoRA's norms are those of a weight that is not trained itself", own.name);
      }
    }
    parameters.push_back({linear.path() + ".m", layer, &adapter->magnitude->m});
    settings_.type = FineTuneType::dora;
  }
  const auto follow = [linears = linears_, fresh] { update_norms(linears, fresh); };
  follow();
  parameters_ = models::ParameterSet(std::move(parameters), follow);
}

nn::Magnitude magnitude_of(const models::LinearPart& linear, const std::optional<mx::array>& m,
                           Fresh fresh) {
  const nn::Linear* layer = dora_layer(linear);
  if (fresh == Fresh::unread) {
    const mx::array none = io::unread_array({layer->out()}, mx::float32);
    return {none, none, none};
  }
  mx::array squares = nn::squared_norms(*layer);
  mx::eval(squares);  // one at a time: the weight is dense for it
  return {m ? *m : mx::sqrt(squares), squares, squares};
}

Adapters attach(models::Model& model, const LoraSettings& given, Fresh fresh) {
  LoraSettings settings = given;
  if (settings.num_layers > model.num_layers()) {
    fail_usage("`num_layers` {} is more than the model's {} layers: give at most {}, or -1 for all",
               settings.num_layers, model.num_layers(), model.num_layers());
  }
  if (settings.num_layers == 0 || settings.num_layers < -1) {
    fail_usage("`num_layers` {} adapts nothing: give a positive number, or -1 for all layers",
               settings.num_layers);
  }
  if (settings.type == FineTuneType::full) {
    return Adapters(model, settings, train(chosen_tensors(model, settings), fresh), fresh);
  }
  if (settings.rank < 1) fail_usage("`rank` {} must be at least 1", settings.rank);
  // All that can be refused is refused before anything is changed.
  const std::vector<Chosen> all = chosen_layers(model, settings);
  const bool is_dora = settings.type == FineTuneType::dora;
  settings.half_is_frozen = settings.initial.is_part_of_the_weight();
  if (settings.half_is_frozen) check_part_of_weight(all, settings);
  for (const Chosen& one : all) {
    if (is_dora) dora_layer(one.linear);
  }
  const std::vector<TrainableTensor> extra = chosen_tensors(model, settings);
  std::vector<mx::array> added;
  for (const Chosen& one : all) {
    std::optional<nn::LoraAdapter>& adapter = one.linear.adapter();
    adapter =
        settings.half_is_frozen
            ? part_of_weight(*std::get<nn::Linear*>(one.linear.linear), one, settings, fresh)
            : std::visit([&](const auto* l) { return fresh_adapter(*l, one, settings, fresh); },
                         one.linear.linear);
    if (is_dora) adapter->magnitude = magnitude_of(one.linear, {}, fresh);
    added.insert(added.end(), {adapter->a, adapter->b});
    if (adapter->frozen) added.insert(added.end(), {adapter->frozen->a, adapter->frozen->b});
  }
  mx::eval(added);
  return Adapters(model, settings, train(extra, fresh), fresh);
}

void detach(models::Model& model) {
  for (const models::LinearPart& linear : models::adaptable_of(model.parts())) {
    linear.adapter().reset();
  }
}

}  // namespace graft::lora
