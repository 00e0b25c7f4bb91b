#include "graft/calibration/round_model.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>

#include "graft/calibration/experts.h"
#include "graft/calibration/layer_walk.h"
#include "graft/calibration/second_moments.h"
#include "graft/calibration/texts.h"
#include "graft/lora/fuse.h"

namespace graft::calibration {
namespace {

constexpr int64_t kLeastTokens = 8192;

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

// Embedding and head.
std::vector<models::Matrix> outside_of(models::Model& model) {
  std::vector<models::Matrix> matrices;
  for (const models::Part& part : model.parts()) {
    if (const auto* matrix = std::get_if<models::Matrix>(&part.part)) matrices.push_back(*matrix);
  }
  return matrices;
}

// Every so many of the batches: with tokens enough for moments of `in` inputs.
std::vector<data::Batch> some_of(const std::vector<data::Batch>& batches, int64_t in) {
  int64_t tokens = 0;
  for (const data::Batch& batch : batches) tokens += batch.tokens();
  const int64_t wanted = tokens_that_show(in, kLeastTokens);
  const auto step = static_cast<size_t>(std::max<int64_t>(1, tokens / wanted));
  std::vector<data::Batch> some;
  for (size_t i = 0; i < batches.size(); i += step) some.push_back(batches[i]);
  return some;
}

}  // namespace

std::map<std::string, ops::Weight> round_model(models::Model& model,
                                               const std::vector<data::Batch>& batches,
                                               const SettingOf& setting_of,
                                               const std::function<void(size_t, size_t)>& done) {
  std::vector<models::LinearPart> linears = models::linears_of(model.parts());
  std::vector<models::Matrix> embeddings;
  for (const models::Matrix& matrix : outside_of(model)) {
    if (matrix.is_embedding()) {
      embeddings.push_back(matrix);
    } else {
      linears.push_back({-1, matrix.layer});
    }
  }
  const auto planned = [&](const models::LinearPart& part) {
    return part.weight().quantized() ? std::nullopt : setting_of(part);
  };
  std::vector<RoundingOptions> options, embedding_options;
  std::erase_if(linears, [&](const models::LinearPart& part) {
    const auto own = planned(part);
    if (own) options.push_back(*own);
    return !own;
  });
  std::erase_if(embeddings, [&](const models::Matrix& matrix) {
    const auto own = planned({-1, matrix.layer});
    if (own) embedding_options.push_back(*own);
    return !own;
  });
  std::map<std::string, ops::Weight> weights;
  const size_t all = linears.size() + embeddings.size();
  const auto tell = [&] { done(weights.size(), all); };
  // First: what the layers are rounded for is what the embedding gives them then.
  for (size_t i = 0; i < embeddings.size(); ++i) {
    const models::Matrix& matrix = embeddings[i];
    ops::Weight weight = *matrix.weight;
    if (matrix.tied == nullptr) {
      const auto& [group_size, bits, mode] = embedding_options[i].setting;
      weight = ops::quantized_as(matrix.weight->weight, mode, bits, group_size,
                                 embedding_options[i].dtype);
    } else {
      const auto round = [&](size_t, const mx::array& moments) {
        const mx::array dense = mx::astype(matrix.weight->weight, mx::float32);
        weight = rounded(dense, with_lookups(moments), embedding_options[i]);
      };
      visit_layers(model, some_of(batches, weight.in()), {{-1, matrix.layer}}, round, tell);
      *matrix.tied = weight;
    }
    mx::eval(weight.arrays());
    *matrix.weight = weight;
    weights.insert({matrix.path, weight});
    tell();
  }
  visit_layers(model, batches, linears, [&](size_t i, const mx::array& moments) {
    weights.insert({linears[i].path(), round_layer(linears[i], moments, options[i])});
    tell();
  });
  return weights;
}

}  // namespace graft::calibration
