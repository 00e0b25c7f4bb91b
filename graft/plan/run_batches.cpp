#include "graft/plan/run_batches.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "graft/data/sampler.h"
#include "graft/data/share.h"

namespace graft::plan {
namespace {

constexpr int64_t kMostBatches = 20000;  // that are looked at
constexpr size_t kSampled = 8;

struct Drawn {
  std::vector<size_t> examples = {};
  int64_t tokens = 0;
};

// The batches of a step by process.
std::vector<std::vector<std::vector<size_t>>> shared(const data::Dataset& train,
                                                     const std::vector<std::vector<size_t>>& group,
                                                     int64_t most, int ranks) {
  if (ranks == 1) return {group};
  std::vector<size_t> examples;
  std::vector<std::vector<int64_t>> sizes;
  for (const std::vector<size_t>& batch : group) {
    sizes.emplace_back();
    for (const size_t example : batch) {
      examples.push_back(example);
      sizes.back().push_back(data::tokens_of(train, {example}, most));
    }
  }
  auto shares = data::shares_of(sizes, ranks);
  for (auto& share : shares) {
    for (std::vector<size_t>& batch : share) {
      for (size_t& place : batch) place = examples[place];
    }
  }
  return shares;
}

int64_t tokens_of(const std::vector<Drawn>& batches) {
  int64_t tokens = 0;
  for (const Drawn& batch : batches) tokens += batch.tokens;
  return tokens;
}

struct Draw {
  std::vector<Drawn> batches;  // of who has most tokens in each step; in the order of their tokens
  Drawn largest;               // of any process
  int64_t steps = 0;
};

Draw draw(const data::Dataset& train, const training::TrainOptions& o, int64_t most, int ranks) {
  data::Sampler sampler(train, training::batch_options(o), o.seed);
  const int64_t count =
      std::min(kMostBatches, int64_t{std::max(o.iters, 1)} * int64_t{o.batches_a_step});
  Draw drawn;
  for (; drawn.steps * o.batches_a_step < count; ++drawn.steps) {
    std::vector<Drawn> longest;
    for (auto& share : shared(train, sampler.next_places(), most, ranks)) {
      std::vector<Drawn> own;
      for (std::vector<size_t>& examples : share) {
        const int64_t tokens = data::tokens_of(train, examples, most);
        own.push_back({std::move(examples), tokens});
        if (tokens > drawn.largest.tokens) drawn.largest = own.back();
      }
      if (longest.empty() || tokens_of(own) > tokens_of(longest)) longest = std::move(own);
    }
    for (Drawn& batch : longest) drawn.batches.push_back(std::move(batch));
  }
  std::stable_sort(drawn.batches.begin(), drawn.batches.end(),
                   [](const Drawn& a, const Drawn& b) { return a.tokens < b.tokens; });
  return drawn;
}

std::vector<size_t> longest_together(const data::Dataset& set, const training::TrainOptions& o) {
  // A packed batch is full, or one example that is longer.
  const auto longest = static_cast<size_t>(std::max<int64_t>(set.examples.totals().longest, 1));
  const size_t packed = std::max<size_t>(static_cast<size_t>(o.batch_tokens) / longest, 1);
  const auto size = static_cast<size_t>(o.batch_size);
  std::vector<size_t> order(set.examples.size());
  const size_t count = std::min(order.size(), o.batch_tokens > 0 ? packed : size);
  std::iota(order.begin(), order.end(), size_t{0});
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](size_t a, size_t b) {
                      const int64_t x = set.examples.length(a), y = set.examples.length(b);
                      return x != y ? x > y : a < b;
                    });
  order.resize(count);
  return order;
}

// The tokens that occur in either, in order.
std::vector<int32_t> ids_of(const data::Dataset& a, const data::Dataset& b) {
  const std::vector<bool>&in_a = a.examples.totals().ids, &in_b = b.examples.totals().ids;
  std::vector<int32_t> ids;
  for (size_t i = 0; i < std::max(in_a.size(), in_b.size()); ++i) {
    const bool there = (i < in_a.size() && in_a[i]) || (i < in_b.size() && in_b[i]);
    if (there) ids.push_back(static_cast<int32_t>(i));
  }
  return ids;
}

}  // namespace

RunBatches batches_of_run(const data::Dataset& train, const data::Dataset& valid,
                          const training::TrainOptions& o, int64_t most, int ranks) {
  const Draw draws = draw(train, o, most, ranks);
  const std::vector<Drawn>& drawn = draws.batches;
  const bool all = int64_t{o.iters} * int64_t{o.batches_a_step} <= kMostBatches;
  RunBatches run{
      .largest = data::make_batch(
          train, all || ranks > 1 ? draws.largest.examples : longest_together(train, o), most),
      .sample = {},
      .validation = {valid, o.batch_size, o.val_batches, most},
      .ids = ids_of(train, valid),
      .a_step = static_cast<double>(drawn.size()) / static_cast<double>(draws.steps),
      .ranks = ranks};
  const size_t sampled = std::min(kSampled, drawn.size());
  for (size_t i = 0; i < sampled; ++i) {  // the middle of each share of them
    run.sample.push_back(
        data::make_batch(train, drawn[(2 * i + 1) * drawn.size() / (2 * sampled)].examples, most));
  }
  return run;
}

}  // namespace graft::plan
