#include "graft/training/evaluation.h"

#include <chrono>
#include <cmath>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/training/objective.h"

namespace graft::training {

double Evaluation::perplexity() const { return std::exp(loss); }

Evaluation evaluate(const models::LayerRunner& runner, const data::EvaluationBatches& batches,
                    const std::function<bool(size_t)>& done) {
  const auto start = std::chrono::steady_clock::now();
  double sum = 0, weight = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    const data::Batch batch = batches[i];
    const double own = batch.weight();
    if (own > 0) {
      mx::array mean = CrossEntropy()(runner, batch, {.divisor = own}).sum;
      const auto loss = static_cast<double>(mean.item<float>());
      check_mapped_files();
      if (!std::isfinite(loss)) {
        throw NotFinite(fmt::format(
            "the loss{}{} is {}: weights of the model or its adapter are not finite, or "
            "too large to compute with",
            batches.name().empty() ? "" : " on ", batches.name(), loss));
      }
      sum += loss * own;
      weight += own;
    }
    if (done && !done(i + 1)) break;
  }
  if (weight == 0) fail("no token of the data set carries loss: there is nothing to measure");
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return {sum / weight, weight, seconds.count()};
}

}  // namespace graft::training
