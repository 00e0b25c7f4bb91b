#include "graft/calibration/round_model.h"

#include <mlx/transforms.h>

#include "graft/calibration/experts.h"
#include "graft/calibration/layer_walk.h"
#include "graft/lora/fuse.h"

namespace graft::calibration {
namespace {

// What the layer has from then on.
ops::Weight round_layer(const models::LinearPart& part, const mx::array& moments,
                        const RoundingOptions& options) {
  const auto of_matrix = [&](const nn::Linear& linear) {
    return rounded(lora::adapted_matrix(linear), moments, options);
  };
  if (auto* const* linear = std::get_if<nn::Linear*>(&part.linear)) {
    return (*linear)->weight = of_matrix(**linear);
  }
  auto* experts = std::get<nn::ExpertLinear*>(part.linear);
  std::vector<ops::Weight> each;
  for (int e = 0; e < experts->count(); ++e) each.push_back(of_matrix(experts->expert(e)));
  ops::Weight all = ops::stacked(each);
  experts->weights = expert_weights(std::move(each));
  mx::eval(all.arrays());
  return all;
}

}  // namespace

std::map<std::string, ops::Weight> round_model(models::Model& model,
                                               const std::vector<data::Batch>& batches,
                                               const SettingOf& setting_of,
                                               const std::function<void(size_t, size_t)>& done) {
  std::vector<models::LinearPart> linears;
  std::vector<RoundingOptions> options;
  for (const models::LinearPart& part : models::linears_of(model.parts())) {
    const auto own = part.weight().quantized() ? std::nullopt : setting_of(part);
    if (!own) continue;
    linears.push_back(part);
    options.push_back(*own);
  }
  std::map<std::string, ops::Weight> weights;
  visit_layers(model, batches, linears, [&](size_t i, const mx::array& moments) {
    weights.insert({linears[i].path(), round_layer(linears[i], moments, options[i])});
    done(weights.size(), linears.size());
  });
  return weights;
}

}  // namespace graft::calibration
