#include "graft/training/evaluation.h"

#include <chrono>
#include <cmath>
#include <map>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/data/share.h"
#include "graft/ops/backend.h"
#include "graft/training/objective.h"

namespace graft::training {

double Evaluation::perplexity() const { return std::exp(loss); }

namespace {

// The batches that this process measures.
std::vector<size_t> own_batches(const Measurement& measurement, const distributed::Group& ranks) {
  std::vector<int64_t> sizes(measurement.count, 1);
  if (!ranks.is_alone() && measurement.tokens) {
    for (size_t i = 0; i < sizes.size(); ++i) sizes[i] = measurement.tokens(i);
  }
  const std::vector<int> owners = data::owners_of(sizes, ranks.size());
  std::vector<size_t> own;
  for (size_t i = 0; i < owners.size(); ++i) {
    if (owners[i] == ranks.rank()) own.push_back(i);
  }
  return own;
}

// Of one batch: its weight, and its means times that.
std::vector<double> of_batch(const Measurement& measurement, size_t i) {
  std::vector<double> sums(measurement.names.size() + 1);
  const data::Batch batch = measurement.batch(i);
  sums[0] = batch.weight();
  if (sums[0] == 0) return sums;
  std::vector<mx::array> means = measurement.means(i, batch, sums[0]);
  for (size_t m = 0; m < means.size(); ++m) {
    sums[m + 1] = static_cast<double>(means[m].item<float>()) * sums[0];
  }
  check_mapped_files();
  return sums;
}

void check_finite(const Measurement& measurement, const std::vector<double>& sums) {
  for (size_t m = 0; m < measurement.names.size(); ++m) {
    if (std::isfinite(sums[m + 1])) continue;
    throw NotFinite(fmt::format(
        "{}{}{} is {}: weights of the model or its adapter are not finite, or too large to "
        "compute with",
        measurement.names[m], measurement.texts.empty() ? "" : " on ", measurement.texts,
        sums[m + 1] / sums[0]));
  }
}

}  // namespace

Means measure(const Measurement& measurement, const std::function<bool(size_t)>& done,
              const distributed::Group& ranks) {
  const size_t wide = measurement.names.size() + 1;
  std::vector<double> own;  // of each batch of this process its number and sums
  const std::vector<size_t> places = own_batches(measurement, ranks);
  bool whole = true;
  for (size_t n = 0; n < places.size() && whole; ++n) {
    const std::vector<double> sums = of_batch(measurement, places[n]);
    own.push_back(static_cast<double>(places[n]));
    own.insert(own.end(), sums.begin(), sums.end());
    // A process alone says at once what is wrong; several do it together, below.
    if (ranks.is_alone()) check_finite(measurement, sums);
    whole = !done || done((n + 1) * measurement.count / places.size());
  }
  // In the order of the batches, whoever computed them: the sums are those of one process.
  std::map<size_t, std::vector<double>> all;
  for (const std::vector<double>& of_rank : ranks.gather(own)) {
    for (size_t i = 0; i + wide < of_rank.size(); i += wide + 1) {
      const auto begin = of_rank.begin() + static_cast<std::ptrdiff_t>(i + 1);
      all[static_cast<size_t>(of_rank[i])] = {begin, begin + static_cast<std::ptrdiff_t>(wide)};
    }
  }
  Means means{std::vector<double>(wide - 1, 0.0), 0};
  for (const auto& [batch, sums] : all) {
    check_finite(measurement, sums);
    means.weight += sums[0];
    for (size_t m = 0; m + 1 < wide; ++m) means.values[m] += sums[m + 1];
  }
  if (means.weight == 0) {
    fail("no token of the data set carries loss: there is nothing to measure");
  }
  for (double& value : means.values) value /= means.weight;
  return means;
}

Evaluation evaluate(const models::LayerRunner& runner, const data::EvaluationBatches& batches,
                    const std::function<bool(size_t)>& done, const distributed::Group& ranks) {
  const auto start = std::chrono::steady_clock::now();
  const ops::WithoutGradient pass;
  const auto loss = [&](size_t, const data::Batch& batch, double weight) {
    return std::vector<mx::array>{CrossEntropy()(runner, batch, {.divisor = weight}).sum};
  };
  const Means means = measure({.count = batches.size(),
                               .batch = [&](size_t i) { return batches[i]; },
                               .means = loss,
                               .texts = batches.name(),
                               .tokens = [&](size_t i) { return batches.tokens(i); }},
                              done, ranks);
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return {means.values[0], means.weight, seconds.count()};
}

}  // namespace graft::training
