#include "graft/plan/run_batches.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

#include "graft/data/sampler.h"

namespace graft::plan {
namespace {

constexpr int64_t kMostBatches = 20000;  // that are looked at
constexpr size_t kSampled = 8;

struct Drawn {
  std::vector<size_t> examples;
  int64_t tokens;
};

// The run's batches, in the order of their tokens.
std::vector<Drawn> draw(const data::Dataset& train, const training::TrainOptions& o) {
  data::Sampler sampler(train, o.batch_size, o.seed, o.batches_a_step);
  const int64_t count =
      std::min(kMostBatches, int64_t{std::max(o.iters, 1)} * int64_t{o.batches_a_step});
  std::vector<Drawn> all;
  while (std::ssize(all) < count) {
    for (const data::Batch& batch : sampler.next_group()) {
      all.push_back({batch.examples, batch.tokens()});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Drawn& a, const Drawn& b) { return a.tokens < b.tokens; });
  return all;
}

std::vector<size_t> longest_together(const data::Dataset& set, int batch_size) {
  std::vector<size_t> order(set.examples.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return set.examples[a].ids.size() > set.examples[b].ids.size();
  });
  order.resize(std::min(order.size(), static_cast<size_t>(batch_size)));
  return order;
}

void add_ids(const data::Dataset& set, std::set<int32_t>& ids) {
  for (const data::Example& example : set.examples) {
    ids.insert(example.ids.begin(), example.ids.end());
  }
}

}  // namespace

RunBatches batches_of_run(const data::Dataset& train, const data::Dataset& valid,
                          const training::TrainOptions& o) {
  const std::vector<Drawn> drawn = draw(train, o);
  const bool all = int64_t{o.iters} * int64_t{o.batches_a_step} <= kMostBatches;
  RunBatches run;
  run.largest =
      data::make_batch(train, all ? drawn.back().examples : longest_together(train, o.batch_size));
  const size_t sampled = std::min(kSampled, drawn.size());
  for (size_t i = 0; i < sampled; ++i) {  // the middle of each share of them
    run.sample.push_back(
        data::make_batch(train, drawn[(2 * i + 1) * drawn.size() / (2 * sampled)].examples));
  }
  run.validation = data::evaluation_batches(valid, o.batch_size, o.val_batches);
  std::set<int32_t> ids;
  add_ids(train, ids);
  add_ids(valid, ids);
  run.ids.assign(ids.begin(), ids.end());
  return run;
}

data::Dataset cut_to(const data::Dataset& set, int64_t most) {
  data::Dataset cut = set;
  for (data::Example& example : cut.examples) {
    if (std::ssize(example.ids) <= most) continue;
    example.ids.resize(static_cast<size_t>(most));
    if (!example.weights.empty()) example.weights.resize(static_cast<size_t>(most));
  }
  return cut;
}

}  // namespace graft::plan
