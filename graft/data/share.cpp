#include "graft/data/share.h"

#include <algorithm>
#include <numeric>

namespace graft::data {
namespace {

struct Item {
  const Batch* batch;
  size_t example;  // within it

  int64_t begin() const { return batch->offsets[example]; }
  int64_t end() const { return batch->offsets[example + 1]; }
  int64_t tokens() const { return end() - begin(); }
};

template <class Value>
void append(std::vector<Value>& to, const std::vector<Value>& from, const Item& item) {
  to.insert(to.end(), from.begin() + item.begin(), from.begin() + item.end());
}

void append(Batch& batch, const Item& item) {
  if (batch.offsets.empty()) batch.offsets.push_back(0);
  append(batch.inputs, item.batch->inputs, item);
  append(batch.targets, item.batch->targets, item);
  append(batch.weights, item.batch->weights, item);
  batch.offsets.push_back(batch.tokens());
  batch.examples.push_back(item.batch->examples[item.example]);
  batch.step_rows.push_back(item.batch->step_rows[item.example]);
}

}  // namespace

std::vector<size_t> places_of(const std::vector<int64_t>& sizes, int rank, int size) {
  std::vector<size_t> order(sizes.size()), own;
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
  std::vector<int64_t> loads(static_cast<size_t>(size));
  for (const size_t place : order) {
    const auto least = std::min_element(loads.begin(), loads.end());
    *least += sizes[place];
    if (least - loads.begin() == rank) own.push_back(place);
  }
  std::sort(own.begin(), own.end());
  return own;
}

std::vector<Batch> share_of(const std::vector<Batch>& batches, int rank, int size) {
  std::vector<Item> items;
  std::vector<int64_t> sizes;
  int64_t most = 0;
  for (const Batch& batch : batches) {
    most = std::max(most, batch.tokens());
    for (size_t i = 0; i < batch.examples.size(); ++i) {
      items.push_back({&batch, i});
      sizes.push_back(items.back().tokens());
    }
  }
  std::vector<Batch> own;
  for (const size_t place : places_of(sizes, rank, size)) {
    if (own.empty() || own.back().tokens() + sizes[place] > most) own.emplace_back();
    append(own.back(), items[place]);
  }
  return own;
}

}  // namespace graft::data
