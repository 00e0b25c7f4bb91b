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

std::vector<int> owners_of(const std::vector<int64_t>& sizes, int ranks) {
  std::vector<size_t> order(sizes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return sizes[a] > sizes[b]; });
  std::vector<int64_t> loads(static_cast<size_t>(ranks));
  std::vector<int> owners(sizes.size());
  for (const size_t place : order) {
    const auto least = std::min_element(loads.begin(), loads.end());
    *least += sizes[place];
    owners[place] = static_cast<int>(least - loads.begin());
  }
  return owners;
}

std::vector<std::vector<std::vector<size_t>>> shares_of(
    const std::vector<std::vector<int64_t>>& sizes, int ranks) {
  std::vector<int64_t> all;
  int64_t most = 0;
  for (const std::vector<int64_t>& of_batch : sizes) {
    most = std::max(most, std::accumulate(of_batch.begin(), of_batch.end(), int64_t{0}));
    all.insert(all.end(), of_batch.begin(), of_batch.end());
  }
  std::vector<std::vector<std::vector<size_t>>> shares(static_cast<size_t>(ranks));
  std::vector<int64_t> tokens(static_cast<size_t>(ranks));  // of each one's last batch
  const std::vector<int> owners = owners_of(all, ranks);
  for (size_t place = 0; place < all.size(); ++place) {
    const auto rank = static_cast<size_t>(owners[place]);
    if (shares[rank].empty() || tokens[rank] + all[place] > most) {
      shares[rank].emplace_back();
      tokens[rank] = 0;
    }
    shares[rank].back().push_back(place);
    tokens[rank] += all[place];
  }
  return shares;
}

std::vector<Batch> share_of(const std::vector<Batch>& batches, int rank, int size) {
  std::vector<Item> items;
  std::vector<std::vector<int64_t>> sizes;
  for (const Batch& batch : batches) {
    sizes.emplace_back();
    for (size_t i = 0; i < batch.examples.size(); ++i) {
      items.push_back({&batch, i});
      sizes.back().push_back(items.back().tokens());
    }
  }
  std::vector<Batch> own;
  const auto shares = shares_of(sizes, size);
  for (const std::vector<size_t>& places : shares[static_cast<size_t>(rank)]) {
    own.emplace_back();
    for (const size_t place : places) append(own.back(), items[place]);
  }
  return own;
}

}  // namespace graft::data
