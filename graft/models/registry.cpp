#include "graft/models/registry.h"

#include <mlx/ops.h>

#include <map>

#include "graft/base/config_reader.h"
#include "graft/base/error.h"
#include "graft/models/llama.h"

namespace graft::models {
namespace {

using Maker = std::unique_ptr<Model> (*)(const ModelFolder&, std::optional<mx::Dtype>);

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> all = {
      {"llama", make_llama},
  };
  return all;
}

// Biases are stored as the checkpoint's floats are, and used in the dtype of the activations.
void convert_biases(Model& model) {
  for (nn::Linear* layer : model.linears()) {
    if (!layer->bias || layer->bias->dtype() == model.dtype()) continue;
    layer->bias = mx::astype(*layer->bias, model.dtype());
    layer->bias->eval();
  }
}

}  // namespace

std::unique_ptr<Model> load_model(const ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  std::string what = (folder.path() / "config.json").string();
  std::string type = ConfigReader(folder.config(), what).text("model_type");
  auto maker = makers().find(type);
  if (maker == makers().end()) {
    std::string known;
    for (const auto& [name, unused] : makers()) known += (known.empty() ? "" : ", ") + name;
    fail("{}: model_type '{}' is not supported; supported: {}", what, type, known);
  }
  std::unique_ptr<Model> model = maker->second(folder, dtype);
  convert_biases(*model);
  return model;
}

}  // namespace graft::models
