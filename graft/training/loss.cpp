#include "graft/training/loss.h"

#include <mlx/transforms.h>

#include <chrono>
#include <cmath>

#include "graft/base/error.h"
#include "graft/training/recomputed_layer.h"

namespace graft::training {

namespace {

using Layer = std::function<models::Hidden(int, const models::Hidden&, const models::Context&)>;

ops::HeadLoss loss_of(const models::Model& model, const data::Batch& batch, bool training,
                      const Layer& layer) {
  std::vector<Sequence> sequences;
  for (size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
    int64_t begin = batch.offsets[i], end = batch.offsets[i + 1];
    sequences.push_back({begin, end, begin, end});
  }
  models::Context context = model.context(std::move(sequences));
  context.training = training;
  int tokens = static_cast<int>(batch.tokens());
  mx::array ids(batch.inputs.begin(), {tokens}, mx::int32);
  mx::array targets(batch.targets.begin(), {tokens}, mx::int32);
  models::Hidden hidden = model.embed(ids);
  for (int i = 0; i < model.num_layers(); ++i) hidden = layer(i, hidden, context);
  return ops::head_loss(model.norm(hidden), model.head(), targets, training);
}

}  // namespace

ops::HeadLoss batch_loss(const models::Model& model, const data::Batch& batch) {
  return loss_of(model, batch, false, [&](int i, const auto& hidden, const auto& context) {
    return model.layer(i, hidden, context);
  });
}

ops::HeadLoss training_loss(const models::Model& model, const lora::Adapters& adapters,
                            const data::Batch& batch, bool recompute) {
  const int first = adapters.first_layer();
  return loss_of(model, batch, true, [&](int i, const auto& hidden, const auto& context) {
    if (!recompute || i < first) return model.layer(i, hidden, context);
    return recomputed_layer(model, i, hidden, context, adapters.of_layer(i), i > first);
  });
}

double Evaluation::perplexity() const { return std::exp(loss); }

Evaluation evaluate(const models::Model& model, const std::vector<data::Batch>& batches,
                    const std::function<bool(size_t)>& done) {
  auto start = std::chrono::steady_clock::now();
  double sum = 0;
  int64_t tokens = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    mx::array mean = batch_loss(model, batches[i]).mean;
    auto loss = static_cast<double>(mean.item<float>());
    if (!std::isfinite(loss)) {
      fail(
          "the loss is {}: weights of the model or its adapter are not finite, or too large to "
          "compute with",
          loss);
    }
    sum += loss * static_cast<double>(batches[i].tokens());
    tokens += batches[i].tokens();
    if (done && !done(i + 1)) break;
  }
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return {sum / static_cast<double>(tokens), tokens, seconds.count()};
}

}  // namespace graft::training
