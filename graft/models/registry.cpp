#include "graft/models/registry.h"

#include <mlx/ops.h>

#include <map>

#include "graft/base/config_reader.h"
#include "graft/base/error.h"
#include "graft/models/gemma.h"
#include "graft/models/gemma2.h"
#include "graft/models/gemma3.h"
#include "graft/models/granite.h"
#include "graft/models/llama.h"
#include "graft/models/mistral.h"
#include "graft/models/mixtral.h"
#include "graft/models/olmo2.h"
#include "graft/models/phi.h"
#include "graft/models/phi3.h"
#include "graft/models/qwen2.h"
#include "graft/models/qwen3.h"
#include "graft/models/qwen3_moe.h"
#include "graft/models/smollm3.h"
#include "graft/models/stablelm.h"
#include "graft/models/starcoder2.h"

namespace graft::models {
namespace {

using Maker = std::unique_ptr<Model> (*)(const io::ModelFolder&, std::optional<mx::Dtype>);

const std::map<std::string, Maker>& makers() {
  static const std::map<std::string, Maker> all = {
      {"gemma", make_gemma},
      {"gemma2", make_gemma2},
      {"gemma3", make_gemma3_multimodal},
      {"gemma3_text", make_gemma3},
      {"granite", make_granite},
      {"llama", make_llama},
      {"mistral", make_mistral},
      {"mixtral", make_mixtral},
      {"olmo2", make_olmo2},
      {"phi", make_phi},
      {"phi3", make_phi3},
      {"qwen2", make_qwen2},
      {"qwen3", make_qwen3},
      {"qwen3_moe", make_qwen3_moe},
      {"smollm3", make_smollm3},
      {"stablelm", make_stablelm},
      {"starcoder2", make_starcoder2},
  };
  return all;
}

// Biases are stored as the checkpoint's floats are, and used in the dtype of the activations.
void convert_biases(Model& model) {
  for (const Part& part : model.parts()) {
    auto* const* layer = std::get_if<nn::Linear*>(&part.part);
    if (layer == nullptr || !(*layer)->bias || (*layer)->bias->dtype() == model.dtype()) continue;
    (*layer)->bias = mx::astype(*(*layer)->bias, model.dtype());
    (*layer)->bias->eval();
  }
}

}  // namespace

std::unique_ptr<Model> load_model(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
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
