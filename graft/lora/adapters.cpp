#include "graft/lora/adapters.h"

#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "graft/base/error.h"
#include "graft/io/unread_array.h"

namespace graft::lora {
namespace {

// Whether `key` is the path, or its last parts.
bool matches(const std::string& path, const std::string& key) {
  if (key == "all" || path == key) return true;
  return path.size() > key.size() && path.ends_with(key) &&
         path[path.size() - key.size() - 1] == '.';
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

// For a Linear or an ExpertLinear.
template <class Layer>
nn::LoraAdapter fresh_adapter(const Layer& layer, const LoraSettings& settings, Fresh fresh) {
  if (fresh == Fresh::unread) {
    return {io::unread_array(layer.a_shape(settings.rank), mx::float32),
            io::unread_array(layer.b_shape(settings.rank), mx::float32), settings.scale,
            settings.dropout};
  }
  const float bound = 1.0f / std::sqrt(static_cast<float>(layer.in()));
  return {mx::random::uniform(-bound, bound, layer.a_shape(settings.rank), mx::float32),
          mx::zeros(layer.b_shape(settings.rank), mx::float32), settings.scale, settings.dropout};
}

}  // namespace

Adapters::Adapters(models::Model& model, LoraSettings settings) : settings_(std::move(settings)) {
  std::vector<models::Parameter> parameters;
  for (const models::LinearPart& linear : models::linears_of(model.parts())) {
    std::optional<nn::LoraAdapter>& adapter = linear.adapter();
    if (!adapter) continue;
    linears_.push_back(linear);
    parameters.push_back({linear.path() + ".lora_a", linear.layer, &adapter->a});
    parameters.push_back({linear.path() + ".lora_b", linear.layer, &adapter->b});
  }
  parameters_ = models::ParameterSet(std::move(parameters));
}

Adapters attach(models::Model& model, const LoraSettings& settings, Fresh fresh) {
  const std::vector<models::LinearPart> linears = models::linears_of(model.parts());
  if (settings.num_layers > model.num_layers()) {
    fail_usage("`num_layers` {} is more than the model's {} layers: give at most {}, or -1 for all",
               settings.num_layers, model.num_layers(), model.num_layers());
  }
  if (settings.num_layers == 0 || settings.num_layers < -1) {
    fail_usage("`num_layers` {} adapts nothing: give a positive number, or -1 for all layers",
               settings.num_layers);
  }
  if (settings.rank < 1) fail_usage("`rank` {} must be at least 1", settings.rank);
  // All that can be refused is refused before anything is changed.
  for (const std::string& key : settings.keys) {
    const bool found = std::any_of(linears.begin(), linears.end(),
                                   [&](const auto& linear) { return matches(linear.path(), key); });
    if (!found) {
      fail_usage("`keys`: '{}' names no linear layer of this model; there are: {}", key,
                 choices(linears));
    }
  }
  int first = settings.num_layers < 0 ? 0 : model.num_layers() - settings.num_layers;
  std::vector<mx::array> added;
  for (const std::string& key : settings.keys) {
    for (const models::LinearPart& linear : linears) {
      if (!matches(linear.path(), key) || linear.layer < first || linear.adapter()) continue;
      linear.adapter() = std::visit(
          [&](const auto* l) { return fresh_adapter(*l, settings, fresh); }, linear.linear);
      added.push_back(linear.adapter()->a);
      added.push_back(linear.adapter()->b);
    }
  }
  mx::eval(added);
  return Adapters(model, settings);
}

void detach(models::Model& model) {
  for (const models::LinearPart& linear : models::linears_of(model.parts())) {
    linear.adapter().reset();
  }
}

}  // namespace graft::lora
