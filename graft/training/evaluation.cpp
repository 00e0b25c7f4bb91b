#include "graft/training/evaluation.h"

#include <chrono>
#include <cmath>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/ops/backend.h"
#include "graft/training/objective.h"

namespace graft::training {

double Evaluation::perplexity() const { return std::exp(loss); }

Means measure(const Measurement& measurement, const std::function<bool(size_t)>& done) {
  const std::vector<std::string>& names = measurement.names;
  Means means{std::vector<double>(names.size(), 0.0), 0};
  for (size_t i = 0; i < measurement.count; ++i) {
    const data::Batch batch = measurement.batch(i);
    const double own = batch.weight();
    if (own > 0) {
      std::vector<mx::array> of_batch = measurement.means(i, batch, own);
      for (size_t m = 0; m < names.size(); ++m) {
        const auto mean = static_cast<double>(of_batch[m].item<float>());
        check_mapped_files();
        if (!std::isfinite(mean)) {
          throw NotFinite(fmt::format(
              "{}{}{} is {}: weights of the model or its adapter are not finite, or "
              "too large to compute with",
              names[m], measurement.texts.empty() ? "" : " on ", measurement.texts, mean));
        }
        means.values[m] += mean * own;
      }
      means.weight += own;
    }
    if (done && !done(i + 1)) break;
  }
  if (means.weight == 0) {
    fail("no token of the data set carries loss: there is nothing to measure");
  }
  for (double& value : means.values) value /= means.weight;
  return means;
}

Evaluation evaluate(const models::LayerRunner& runner, const data::EvaluationBatches& batches,
                    const std::function<bool(size_t)>& done) {
  const auto start = std::chrono::steady_clock::now();
  const ops::WithoutGradient pass;
  const auto loss = [&](size_t, const data::Batch& batch, double weight) {
    return std::vector<mx::array>{CrossEntropy()(runner, batch, {.divisor = weight}).sum};
  };
  const Means means = measure({.count = batches.size(),
                               .batch = [&](size_t i) { return batches[i]; },
                               .means = loss,
                               .texts = batches.name()},
                              done);
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return {means.values[0], means.weight, seconds.count()};
}

}  // namespace graft::training
