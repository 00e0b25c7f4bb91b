#include "graft/models/registry.h"

#include <mlx/ops.h>

#include <algorithm>
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
#include "graft/models/traits.h"

namespace graft::models {
namespace {

using Maker = std::unique_ptr<Model> (*)(const io::ModelFolder&, std::optional<mx::Dtype>);

struct Entry {
  Maker make;
  FamilyTraits traits = {};
};

const std::map<std::string, Entry>& families() {
  static const std::map<std::string, Entry> all = {
      {"gemma", {make_gemma, {.tied_head = true}}},
      {"gemma2", {make_gemma2, {.tied_head = true}}},
      {"gemma3", {make_gemma3_multimodal, {.tied_head = true, .multimodal = true}}},
      {"gemma3_text", {make_gemma3, {.tied_head = true}}},
      {"granite", {make_granite, {.eight_bits = {"self_attn.o_proj", "mlp.down_proj", "lm_head"}}}},
      {"llama", {make_llama}},
      {"mistral", {make_mistral}},
      {"mixtral", {make_mixtral}},
      {"olmo2", {make_olmo2}},
      {"phi", {make_phi, {.head_bias = true}}},
      {"phi3", {make_phi3}},
      {"qwen2", {make_qwen2}},
      {"qwen3", {make_qwen3}},
      {"qwen3_moe", {make_qwen3_moe, {.eight_bits = {"mlp.gate"}}}},
      {"smollm3", {make_smollm3, {.tied_head = true}}},
      {"stablelm", {make_stablelm}},
      {"starcoder2", {make_starcoder2, {.tied_head = true}}},
  };
  return all;
}

Maker maker_of(const io::ModelFolder& folder) {
  const std::string what = (folder.path() / "config.json").string();
  const std::string type = ConfigReader(folder.config(), what).text("model_type");
  const auto family = families().find(type);
  if (family != families().end()) return family->second.make;
  std::string known;
  for (const auto& [name, unused] : families()) known += (known.empty() ? "" : ", ") + name;
  fail("{}: model_type '{}' is not supported; supported: {}", what, type, known);
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

bool FamilyTraits::wants_eight_bits(const std::string& path) const {
  return std::any_of(eight_bits.begin(), eight_bits.end(), [&](const std::string& end) {
    return path == end || path.ends_with("." + end);
  });
}

const FamilyTraits& traits_of(const json& config) {
  const auto type = config.find("model_type");
  return traits_of(type != config.end() && type->is_string() ? type->get<std::string>() : "");
}

const FamilyTraits& traits_of(const std::string& model_type) {
  static const FamilyTraits none;
  const auto family = families().find(model_type);
  return family == families().end() ? none : family->second.traits;
}

bool is_known_family(const json& config) {
  const auto type = config.find("model_type");
  return type != config.end() && type->is_string() &&
         families().count(type->get<std::string>()) > 0;
}

std::unique_ptr<Model> load_model(const io::ModelFolder& folder, std::optional<mx::Dtype> dtype) {
  std::unique_ptr<Model> model = maker_of(folder)(folder, dtype);
  convert_biases(*model);
  return model;
}

std::unique_ptr<Model> load_stored_model(const io::ModelFolder& folder) {
  return maker_of(folder)(folder, {});
}

}  // namespace graft::models
