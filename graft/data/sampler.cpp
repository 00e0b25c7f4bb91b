#include "graft/data/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <locale>
#include <numeric>
#include <sstream>

#include "graft/base/error.h"

namespace graft::data {
namespace {

constexpr size_t kStretch = 50;  // batches of an epoch that are sorted by length together
constexpr size_t kWindow = 256;  // examples among which one is looked for that fits into a batch

using Batches = std::vector<std::vector<size_t>>;

// Whether `order` has each of 0..n-1 once.
bool is_permutation_of(std::vector<size_t> order, size_t n) {
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i] != i) return false;
  }
  return order.size() == n;
}

bool are_ends_in(const std::vector<size_t>& ends, size_t n) {
  return std::is_sorted(ends.begin(), ends.end(), std::less_equal<>()) && !ends.empty() &&
         ends.front() > 0 && ends.back() == n;
}

// How many of `total` examples each share gets, largest remainders first.
std::vector<size_t> quotas(const std::vector<SourceShare>& shares, size_t total) {
  double largest = 0;
  for (const SourceShare& share : shares) largest = std::max(largest, share.weight);
  // By a power of 2, which changes no digit: sums and products stay within a double.
  std::vector<double> weights;
  for (const SourceShare& share : shares) {
    weights.push_back(std::ldexp(share.weight, -std::ilogb(largest)));
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<size_t> counts, by_remainder(shares.size());
  std::vector<double> remainders;
  size_t given = 0;
  for (const double weight : weights) {
    const double wanted = static_cast<double>(total) * weight / sum;
    counts.push_back(static_cast<size_t>(wanted));
    remainders.push_back(wanted - std::floor(wanted));
    given += counts.back();
  }
  std::iota(by_remainder.begin(), by_remainder.end(), size_t{0});
  std::stable_sort(by_remainder.begin(), by_remainder.end(),
                   [&](size_t a, size_t b) { return remainders[a] > remainders[b]; });
  for (size_t i = 0; given < total; ++i, ++given) ++counts[by_remainder[i % counts.size()]];
  return counts;
}

// The examples in order, flat.
std::vector<size_t> concatenated(const Batches& batches) {
  std::vector<size_t> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

}  // namespace

Sampler::Sampler(const Dataset& dataset, const BatchOptions& options, uint64_t seed)
    : dataset_(dataset), options_(options), random_(seed), order_(dataset.examples.size()) {
  std::iota(order_.begin(), order_.end(), size_t{0});
  begin_epoch();
}

// Fisher and Yates', written out: std::shuffle's result differs between standard libraries.
template <class Value>
void Sampler::shuffle(std::vector<Value>& values) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random_() % i]);
}

void Sampler::begin_epoch() {
  if (!dataset_.shares.empty()) draw_shares();
  shuffle(order_);
  ends_.clear();
  if (options_.group_by_length) group_by_length();
  if (options_.batch_tokens > 0) pack();
  position_ = 0;
}

// Of each source whole passes, and some of its examples once more.
void Sampler::draw_shares() {
  const std::vector<size_t> counts = quotas(dataset_.shares, dataset_.examples.size());
  order_.clear();
  for (size_t s = 0; s < counts.size(); ++s) {
    const SourceShare& share = dataset_.shares[s];
    std::vector<size_t> its(share.end - share.begin);
    std::iota(its.begin(), its.end(), share.begin);
    for (size_t left = counts[s]; left > 0;) {
      if (left < its.size()) shuffle(its);
      const size_t taken = std::min(left, its.size());
      order_.insert(order_.end(), its.begin(), its.begin() + static_cast<std::ptrdiff_t>(taken));
      left -= taken;
    }
  }
}

// Sorts stretches of the order, and puts their batches into an order of their own. What is left
// over at the end stays there: it may be a smaller batch.
void Sampler::group_by_length() {
  const auto size = static_cast<size_t>(options_.batch_size);
  Batches batches;
  for (size_t begin = 0; begin < order_.size(); begin += size * kStretch) {
    const auto first = order_.begin() + static_cast<std::ptrdiff_t>(begin);
    const size_t end = std::min(begin + size * kStretch, order_.size());
    std::stable_sort(first, order_.begin() + static_cast<std::ptrdiff_t>(end),
                     [&](size_t a, size_t b) { return tokens_of(a) > tokens_of(b); });
    for (size_t i = begin; i < end; i += size) {
      const size_t last = std::min(i + size, end);
      batches.emplace_back(order_.begin() + static_cast<std::ptrdiff_t>(i),
                           order_.begin() + static_cast<std::ptrdiff_t>(last));
    }
  }
  std::vector<size_t> rest;
  if (!batches.empty() && batches.back().size() < size) {
    rest = std::move(batches.back());
    batches.pop_back();
  }
  shuffle(batches);
  order_ = concatenated(batches);
  order_.insert(order_.end(), rest.begin(), rest.end());
}

// Each batch begins with the next example, and takes the first ones that fit of those that follow.
void Sampler::pack() {
  struct Waiting {
    size_t example;
    int64_t tokens;
  };
  std::vector<Waiting> waiting;  // the next is the last
  waiting.reserve(order_.size());
  int64_t shortest = std::numeric_limits<int64_t>::max();
  for (auto example = order_.rbegin(); example != order_.rend(); ++example) {
    waiting.push_back({*example, tokens_of(*example)});
    shortest = std::min(shortest, waiting.back().tokens);
  }
  std::vector<size_t> packed;
  while (!waiting.empty()) {
    int64_t room = options_.batch_tokens - waiting.back().tokens;
    packed.push_back(waiting.back().example);
    waiting.pop_back();
    size_t looked_at = 0;
    for (size_t i = waiting.size(); i-- > 0 && room >= shortest && looked_at < kWindow;
         ++looked_at) {
      if (waiting[i].tokens > room) continue;
      room -= waiting[i].tokens;
      packed.push_back(waiting[i].example);
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
    }
    ends_.push_back(packed.size());
  }
  order_ = std::move(packed);
}

std::vector<size_t> Sampler::next() {
  if (position_ == order_.size()) {
    if (!epoch_before_) epoch_before_ = {random_, order_, ends_};
    begin_epoch();
  }
  size_t end = std::min(position_ + static_cast<size_t>(options_.batch_size), order_.size());
  if (!ends_.empty()) end = *std::upper_bound(ends_.begin(), ends_.end(), position_);
  std::vector<size_t> chosen(order_.begin() + static_cast<std::ptrdiff_t>(position_),
                             order_.begin() + static_cast<std::ptrdiff_t>(end));
  position_ = end;
  return chosen;
}

std::vector<std::vector<size_t>> Sampler::next_places() {
  position_before_ = position_;
  epoch_before_.reset();
  Batches group;
  for (int i = 0; i < options_.batches_a_step; ++i) group.push_back(next());
  return group;
}

void Sampler::take_back() {
  position_ = position_before_;
  if (!epoch_before_) return;
  random_ = epoch_before_->random;
  order_ = std::move(epoch_before_->order);
  ends_ = std::move(epoch_before_->ends);
  epoch_before_.reset();
}

std::vector<Batch> Sampler::next_group() {
  std::vector<Batch> group;
  int64_t row = 0;
  for (const std::vector<size_t>& places : next_places()) {
    group.push_back(make_batch(dataset_, places));
    Batch& batch = group.back();
    for (size_t i = 0; i < places.size(); ++i) batch.step_rows.push_back(row + batch.offsets[i]);
    row += batch.tokens();
  }
  return group;
}

SamplerState Sampler::state() const {
  std::ostringstream generator;
  generator.imbue(std::locale::classic());
  generator << random_;
  return {generator.str(), order_, position_, ends_};
}

void Sampler::restore(const SamplerState& state) {
  std::istringstream generator(state.generator);
  generator.imbue(std::locale::classic());
  std::mt19937_64 random;
  generator >> random;
  const size_t count = dataset_.examples.size();
  const auto is_known = [&](size_t example) { return example < count; };
  const bool fits = dataset_.shares.empty()
                        ? is_permutation_of(state.order, count)
                        : state.order.size() == count &&
                              std::all_of(state.order.begin(), state.order.end(), is_known);
  const bool packed = options_.batch_tokens > 0;
  if (!generator || state.position > state.order.size() || !fits || packed == state.ends.empty() ||
      (packed && !are_ends_in(state.ends, count))) {
    fail("the state of a sampler does not belong to these {} examples", count);
  }
  random_ = random;
  order_ = state.order;
  ends_ = state.ends;
  position_ = state.position;
}

int64_t Sampler::batches_in(const Dataset& dataset, const BatchOptions& options, uint64_t seed,
                            double epochs) {
  const double most = (std::numeric_limits<int>::max() + 1.0) * options.batches_a_step;
  const auto size = static_cast<double>(options.batch_size);
  const double an_epoch = std::ceil(static_cast<double>(dataset.examples.size()) / size);
  if (options.batch_tokens == 0) {
    return static_cast<int64_t>(std::min(std::ceil(epochs * an_epoch), most));
  }
  if (epochs >= most) return static_cast<int64_t>(most);  // an epoch has a batch or more
  Sampler sampler(dataset, options, seed);
  int64_t batches = 0;
  for (double left = epochs; left > 0; left -= 1) {
    const auto all = static_cast<double>(sampler.ends_.size());
    batches += static_cast<int64_t>(std::ceil(std::min(left, 1.0) * all));
    if (static_cast<double>(batches) >= most) break;
    if (left > 1) sampler.begin_epoch();
  }
  return batches;
}

}  // namespace graft::data
