#include "graft/data/batch.h"

#include <algorithm>
#include <numeric>

#include "graft/base/error.h"

namespace graft::data {

double Batch::weight() const { return std::accumulate(weights.begin(), weights.end(), 0.0); }

Batch make_batch(const Dataset& dataset, const std::vector<size_t>& chosen, int64_t most) {
  const auto known = static_cast<uint32_t>(dataset.examples.totals().ids.size());
  Batch batch;
  batch.examples = chosen;
  batch.offsets.push_back(0);
  for (size_t index : chosen) {
    const ExampleView example = dataset.examples[index];
    const auto size = std::min(std::ssize(example.ids), most);
    const auto end = example.ids.begin() + size;
    for (auto id = example.ids.begin(); id != end; ++id) {
      if (static_cast<uint32_t>(*id) >= known) {
        fail("{}: token {} is not one of these data: their cache is damaged",
             dataset.place_of(index), *id);
      }
    }
    batch.inputs.insert(batch.inputs.end(), example.ids.begin(), end - 1);
    batch.targets.insert(batch.targets.end(), example.ids.begin() + 1, end);
    const std::vector<float> weights = example.weights();
    batch.weights.insert(batch.weights.end(), weights.begin() + 1, weights.begin() + size);
    batch.offsets.push_back(batch.tokens());
  }
  return batch;
}

std::vector<Batch> evaluation_batches(const Dataset& dataset, int batch_size, int most,
                                      int64_t most_tokens) {
  std::vector<Batch> batches;
  const auto size = static_cast<size_t>(batch_size);
  for (size_t begin = 0; begin < dataset.examples.size(); begin += size) {
    if (most >= 0 && batches.size() == static_cast<size_t>(most)) break;
    std::vector<size_t> chosen(std::min(size, dataset.examples.size() - begin));
    std::iota(chosen.begin(), chosen.end(), begin);
    batches.push_back(make_batch(dataset, chosen, most_tokens));
  }
  return batches;
}

}  // namespace graft::data
