#include "graft/trunk/layer_pages.h"

#include <map>
#include <optional>
#include <string_view>

#include "graft/models/language_model_names.h"

namespace graft::trunk {
namespace {

// "model.layers.3." of "model.layers.3.mlp.up_proj"; nothing of a path without a number.
std::optional<std::string> prefix_of(const std::string& path) {
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    const std::string_view word = std::string_view(path).substr(begin, end - begin);
    if (!word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos) {
      return path.substr(0, end) + ".";
    }
    begin = end + 1;
  }
  return {};
}

size_t bytes_of(const models::LinearPart& part) {
  const auto* const* experts = std::get_if<nn::ExpertLinear*>(&part.linear);
  const size_t count = experts == nullptr ? 1 : (*experts)->weights->each.size();
  return count * part.weight().nbytes();
}

}  // namespace

LayerPages::LayerPages(models::Model& model, const io::ModelFolder& folder)
    : folder_(folder),
      names_(static_cast<size_t>(model.num_layers())),
      bytes_(static_cast<size_t>(model.num_layers())) {
  const auto names = models::LanguageModelNames::of(folder);
  std::map<std::string, size_t> layers;  // by prefix
  for (const models::LinearPart& part : models::linears_of(model.parts())) {
    if (part.layer < 0) continue;
    bytes_[static_cast<size_t>(part.layer)] += bytes_of(part);
    if (const auto prefix = prefix_of(names.stored_of_hub(part.path()))) {
      layers.insert({*prefix, static_cast<size_t>(part.layer)});
    }
  }
  for (const std::string& name : folder.names()) {
    const auto prefix = prefix_of(name);
    const auto found = prefix ? layers.find(*prefix) : layers.end();
    (found == layers.end() ? others_ : names_[found->second]).push_back(name);
  }
}

void LayerPages::prefetch(int begin, int end) const {
  for (int layer = begin; layer < end; ++layer) {
    for (const std::string& name : names_[static_cast<size_t>(layer)]) folder_.prefetch(name);
  }
}

void LayerPages::release(int begin, int end) const {
  for (int layer = begin; layer < end; ++layer) {
    for (const std::string& name : names_[static_cast<size_t>(layer)]) folder_.release(name);
  }
}

void LayerPages::release_others() const {
  for (const std::string& name : others_) folder_.release(name);
}

}  // namespace graft::trunk
