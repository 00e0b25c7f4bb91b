#include "graft/data/batch.h"

#include <algorithm>
#include <numeric>

namespace graft::data {

Batch make_batch(const Dataset& dataset, const std::vector<size_t>& chosen) {
  Batch batch;
  batch.examples = chosen;
  batch.offsets.push_back(0);
  for (size_t index : chosen) {
    const std::vector<int32_t>& ids = dataset.examples[index];
    batch.inputs.insert(batch.inputs.end(), ids.begin(), ids.end() - 1);
    batch.targets.insert(batch.targets.end(), ids.begin() + 1, ids.end());
    batch.offsets.push_back(batch.tokens());
  }
  return batch;
}

TrainBatches::TrainBatches(const Dataset& dataset, int batch_size, uint64_t seed)
    : dataset_(dataset),
      batch_size_(static_cast<size_t>(batch_size)),
      random_(seed),
      order_(dataset.examples.size()) {
  std::iota(order_.begin(), order_.end(), size_t{0});
  shuffle();
}

// Fisher and Yates', written out: std::shuffle's result differs between standard libraries.
void TrainBatches::shuffle() {
  for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random_() % i]);
  position_ = 0;
}

Batch TrainBatches::next() {
  if (position_ == order_.size()) shuffle();
  size_t end = std::min(position_ + batch_size_, order_.size());
  std::vector<size_t> chosen(order_.begin() + static_cast<std::ptrdiff_t>(position_),
                             order_.begin() + static_cast<std::ptrdiff_t>(end));
  position_ = end;
  return make_batch(dataset_, chosen);
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
