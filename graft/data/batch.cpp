#include "graft/data/batch.h"

#include <algorithm>
#include <numeric>

namespace graft::data {

double Batch::weight() const { return std::accumulate(weights.begin(), weights.end(), 0.0); }

Batch make_batch(const Dataset& dataset, const std::vector<size_t>& chosen) {
  Batch batch;
  batch.examples = chosen;
  batch.offsets.push_back(0);
  for (size_t index : chosen) {
    const auto& [ids, weights, line] = dataset.examples[index];
    batch.inputs.insert(batch.inputs.end(), ids.begin(), ids.end() - 1);
    batch.targets.insert(batch.targets.end(), ids.begin() + 1, ids.end());
    if (weights.empty()) {
      batch.weights.resize(batch.targets.size(), 1.0f);
    } else {
      batch.weights.insert(batch.weights.end(), weights.begin() + 1, weights.end());
    }
    batch.offsets.push_back(batch.tokens());
  }
  return batch;
}

std::vector<Batch> evaluation_batches(const Dataset& dataset, int batch_size, int most) {
  std::vector<Batch> batches;
  const auto size = static_cast<size_t>(batch_size);
  for (size_t begin = 0; begin < dataset.examples.size(); begin += size) {
    if (most >= 0 && batches.size() == static_cast<size_t>(most)) break;
    std::vector<size_t> chosen(std::min(size, dataset.examples.size() - begin));
    std::iota(chosen.begin(), chosen.end(), begin);
    batches.push_back(make_batch(dataset, chosen));
  }
  return batches;
}

}  // namespace graft::data
