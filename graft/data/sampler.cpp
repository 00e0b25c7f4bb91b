#include "graft/data/sampler.h"

#include <algorithm>
#include <locale>
#include <numeric>
#include <sstream>

#include "graft/base/error.h"

namespace graft::data {
namespace {

// Whether `order` has each of 0..n-1 once.
bool is_permutation_of(std::vector<size_t> order, size_t n) {
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] != i) return false;
  }
  return order.size() == n;
}

}  // namespace

Sampler::Sampler(const Dataset& dataset, int batch_size, uint64_t seed, int batches_a_step)
    : dataset_(dataset),
      batch_size_(static_cast<size_t>(batch_size)),
      batches_a_step_(batches_a_step),
      random_(seed),
      order_(dataset.examples.size()) {
  std::iota(order_.begin(), order_.end(), size_t{0});
  shuffle();
}

// Fisher and Yates', written out: std::shuffle's result differs between standard libraries.
void Sampler::shuffle() {
  for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random_() % i]);
  position_ = 0;
}

Batch Sampler::next() {
  if (position_ == order_.size()) shuffle();
  size_t end = std::min(position_ + batch_size_, order_.size());
  std::vector<size_t> chosen(order_.begin() + static_cast<std::ptrdiff_t>(position_),
                             order_.begin() + static_cast<std::ptrdiff_t>(end));
  position_ = end;
  return make_batch(dataset_, chosen);
}

std::vector<Batch> Sampler::next_group() {
  std::vector<Batch> group;
  for (int i = 0; i < batches_a_step_; ++i) group.push_back(next());
  return group;
}

SamplerState Sampler::state() const {
  std::ostringstream generator;
  generator.imbue(std::locale::classic());
  generator << random_;
  return {generator.str(), order_, position_};
}

void Sampler::restore(const SamplerState& state) {
  std::istringstream generator(state.generator);
  generator.imbue(std::locale::classic());
  std::mt19937_64 random;
  generator >> random;
  if (!generator || state.position > state.order.size() ||
      !is_permutation_of(state.order, dataset_.examples.size())) {
    fail("the state of a sampler does not belong to these {} examples", dataset_.examples.size());
  }
  random_ = random;
  order_ = state.order;
  position_ = state.position;
}

}  // namespace graft::data
