#include "graft/lora/adapters.h"

#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "graft/base/error.h"

namespace graft::lora {
namespace {

// Whether `key` is the path, or its last parts.
bool matches(const std::string& path, const std::string& key) {
  if (key == "all" || path == key) return true;
  return path.size() > key.size() && path.ends_with(key) &&
         path[path.size() - key.size() - 1] == '.';
}

// What a person can name: the parts of paths after the layer's number.
std::string choices(const std::vector<nn::Linear*>& linears) {
  std::set<std::string> names;
  for (const nn::Linear* linear : linears) {
    size_t digits = linear->path.find_first_of("0123456789");
    size_t dot = digits == std::string::npos ? digits : linear->path.find('.', digits);
    names.insert(dot == std::string::npos ? linear->path : linear->path.substr(dot + 1));
  }
  std::string text = "all";
  for (const std::string& name : names) text += ", " + name;
  return text;
}

}  // namespace

int layer_of(const std::string& path) {
  size_t begin = 0;
  while (begin < path.size()) {
    size_t end = std::min(path.find('.', begin), path.size());
    std::string part = path.substr(begin, end - begin);
    if (!part.empty() && part.size() < 9 &&
        part.find_first_not_of("0123456789") == std::string::npos) {
      return std::stoi(part);
    }
    begin = end + 1;
  }
  return -1;
}

Adapters::Adapters(models::Model& model, LoraSettings settings) : settings_(std::move(settings)) {
  std::map<std::string, mx::array*> sorted;
  first_layer_ = model.num_layers();
  for (nn::Linear* linear : model.linears()) {
    if (!linear->adapter) continue;
    linears_.push_back(linear);
    first_layer_ = std::min(first_layer_, std::max(0, layer_of(linear->path)));
    sorted[linear->path + ".lora_a"] = &linear->adapter->a;
    sorted[linear->path + ".lora_b"] = &linear->adapter->b;
  }
  for (const auto& [name, array] : sorted) {
    names_.push_back(name);
    arrays_.push_back(array);
  }
}

std::vector<mx::array> Adapters::values() const {
  std::vector<mx::array> values;
  for (const mx::array* array : arrays_) values.push_back(*array);
  return values;
}

void Adapters::set(const std::vector<mx::array>& values) {
  for (size_t i = 0; i < arrays_.size(); ++i) *arrays_[i] = values[i];
}

std::vector<mx::array*> Adapters::of_layer(int layer) const {
  std::vector<mx::array*> places;
  for (size_t i = 0; i < names_.size(); ++i) {
    if (layer_of(names_[i]) == layer) places.push_back(arrays_[i]);
  }
  return places;
}

size_t Adapters::parameters() const {
  size_t count = 0;
  for (const mx::array* array : arrays_) count += array->size();
  return count;
}

Adapters attach(models::Model& model, const LoraSettings& settings) {
  const std::vector<nn::Linear*> linears = model.linears();
  if (settings.num_layers > model.num_layers()) {
    fail_usage(
        "--lora-layers {} is more than the model's {} layers: give at most {}, or -1 for all",
        settings.num_layers, model.num_layers(), model.num_layers());
  }
  if (settings.num_layers == 0 || settings.num_layers < -1) {
    fail_usage("--lora-layers {} adapts nothing: give a positive number, or -1 for all layers",
               settings.num_layers);
  }
  if (settings.rank < 1) fail_usage("--lora-rank {} must be at least 1", settings.rank);
  int first = settings.num_layers < 0 ? 0 : model.num_layers() - settings.num_layers;
  std::vector<mx::array> fresh;
  for (const std::string& key : settings.keys) {
    bool found = false;
    for (nn::Linear* linear : linears) {
      if (!matches(linear->path, key)) continue;
      found = true;
      if (layer_of(linear->path) < first || linear->adapter) continue;
      float bound = 1.0f / std::sqrt(static_cast<float>(linear->in()));
      mx::Shape a = {linear->in(), settings.rank}, b = {settings.rank, linear->out()};
      if (const int experts = linear->num_experts(); experts > 0) {
        a = {experts, settings.rank, linear->in()};
        b = {experts, linear->out(), settings.rank};
      }
      linear->adapter =
          nn::LoraAdapter{mx::random::uniform(-bound, bound, a, mx::float32),
                          mx::zeros(b, mx::float32), settings.scale, settings.dropout};
      fresh.push_back(linear->adapter->a);
      fresh.push_back(linear->adapter->b);
    }
    if (!found) {
      fail_usage("--lora-keys: '{}' names no linear layer of this model; there are: {}", key,
                 choices(linears));
    }
  }
  mx::eval(fresh);
  return Adapters(model, settings);
}

}  // namespace graft::lora
