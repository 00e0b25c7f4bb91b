#include "graft/data/batch.h"

#include <algorithm>
#include <numeric>

#include "graft/base/error.h"

namespace graft::data {

double Batch::weight() const { return std::accumulate(weights.begin(), weights.end(), 0.0); }

std::vector<uint32_t> Batch::rows() const {
  std::vector<uint32_t> all;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const int64_t first = step_rows.empty() ? offsets[i] : step_rows[i];
    for (int64_t t = 0; t < offsets[i + 1] - offsets[i]; ++t) {
      all.push_back(static_cast<uint32_t>(first + t));
    }
  }
  return all;
}

std::vector<Sequence> Batch::sequences() const {
  std::vector<Sequence> all;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const int64_t begin = offsets[i], end = offsets[i + 1];
    all.push_back({begin, end, begin, end});
  }
  return all;
}

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

int64_t tokens_of(const Dataset& dataset, const std::vector<size_t>& chosen, int64_t most) {
  int64_t tokens = 0;
  for (const size_t index : chosen) tokens += std::min(dataset.examples.length(index), most) - 1;
  return tokens;
}

EvaluationBatches::EvaluationBatches(const Dataset& set, int batch_size, int most,
                                     int64_t most_tokens)
    : set_(&set), batch_size_(static_cast<size_t>(batch_size)), most_tokens_(most_tokens) {
  size_ = set.examples.size() / batch_size_ + (set.examples.size() % batch_size_ > 0 ? 1 : 0);
  if (most >= 0) size_ = std::min(size_, static_cast<size_t>(most));
}

std::vector<size_t> EvaluationBatches::examples(size_t i) const {
  const size_t begin = i * batch_size_;
  std::vector<size_t> chosen(std::min(batch_size_, set_->examples.size() - begin));
  std::iota(chosen.begin(), chosen.end(), begin);
  return chosen;
}

Batch EvaluationBatches::operator[](size_t i) const {
  return make_batch(*set_, examples(i), most_tokens_);
}

int64_t EvaluationBatches::tokens(size_t i) const {
  return tokens_of(*set_, examples(i), most_tokens_);
}

}  // namespace graft::data
