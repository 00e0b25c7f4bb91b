#include "graft/data/examples.h"

#include <algorithm>
#include <stdexcept>

#include "graft/base/error.h"
#include "graft/base/hash.h"

namespace graft::data {
namespace {

template <class Value>
uint64_t hash_of(std::span<const Value> values, uint64_t state) {
  return fnv1a({reinterpret_cast<const char*>(values.data()), values.size_bytes()}, state);
}

// The same of token ids, of which the upper two bytes are mostly 0: for those the hash is only
// multiplied. Unlike encoding, this cannot be shared out to cores.
uint64_t hash_of_ids(std::span<const int32_t> ids, uint64_t state) {
  constexpr uint64_t kPrime = 0x100000001b3u;
  for (const int32_t id : ids) {
    const auto bytes = static_cast<uint32_t>(id);
    state = (state ^ (bytes & 0xff)) * kPrime;
    state = state ^ (bytes >> 8 & 0xff);
    if (bytes < 0x10000) {
      state *= kPrime * kPrime * kPrime;
    } else {
      state = (state * kPrime ^ (bytes >> 16 & 0xff)) * kPrime;
      state = (state ^ bytes >> 24) * kPrime;
    }
  }
  return state;
}

void add_runs(const std::vector<float>& weights, std::vector<WeightRun>& runs) {
  for (size_t i = 0; i < weights.size(); ++i) {
    if (i + 1 == weights.size() || weights[i + 1] != weights[i]) {
      runs.push_back({static_cast<uint32_t>(i + 1), weights[i]});
    }
  }
}

// Whether runs, if there are any, are those of so many tokens.
bool cover(std::span<const WeightRun> runs, uint64_t tokens) {
  uint32_t end = 0;
  for (const WeightRun& run : runs) {
    if (run.end <= end) return false;
    end = run.end;
  }
  return runs.empty() || end == tokens;
}

void count(const ExampleView& example, Totals& totals) {
  const auto size = std::ssize(example.ids);
  totals.tokens += size;
  totals.longest = std::max(totals.longest, int64_t{size});
  totals.trained += example.trained();
  const int32_t most = *std::max_element(example.ids.begin(), example.ids.end());
  if (static_cast<size_t>(most) >= totals.ids.size()) {
    totals.ids.resize(static_cast<size_t>(most) + 1);
  }
  for (const int32_t id : example.ids) {
    // Most occur already: a test waits for no earlier write.
    if (!totals.ids[static_cast<size_t>(id)]) totals.ids[static_cast<size_t>(id)] = true;
  }
  const uint64_t sizes[] = {example.ids.size(), example.runs.size()};
  totals.hash = hash_of(std::span<const uint64_t>(sizes), totals.hash);
  totals.hash = hash_of_ids(example.ids, totals.hash);
  totals.hash = hash_of(example.runs, totals.hash);
}

}  // namespace

std::vector<float> ExampleView::weights() const {
  if (runs.empty()) return std::vector<float>(ids.size(), 1.0f);
  std::vector<float> all;
  all.reserve(ids.size());
  for (const WeightRun& run : runs) all.resize(run.end, run.weight);
  return all;
}

int64_t ExampleView::trained() const {
  if (runs.empty()) return std::ssize(ids) - 1;
  int64_t count = 0;
  uint32_t begin = 1;  // the first token is no target
  for (const WeightRun& run : runs) {
    if (run.weight != 0 && run.end > begin) count += run.end - begin;
    begin = std::max(begin, run.end);
  }
  return count;
}

Examples::Examples() { totals_.hash = kFnv1aStart; }

Examples::Examples(ExampleArrays arrays, Totals totals, std::shared_ptr<const void> owner)
    : elsewhere_(arrays), owner_(std::move(owner)), totals_(std::move(totals)) {
  uint64_t ids = 0, runs = 0;
  for (const ExampleEntry& entry : arrays.entries) {
    const bool fits = entry.ids_end >= ids + 2 && entry.ids_end <= arrays.ids.size() &&
                      entry.runs_end >= runs && entry.runs_end <= arrays.runs.size();
    if (!fits || !cover(arrays.runs.subspan(runs, entry.runs_end - runs), entry.ids_end - ids)) {
      fail("examples do not fit their arrays");
    }
    ids = entry.ids_end;
    runs = entry.runs_end;
  }
}

void Examples::push_back(const Example& example) {
  if (owner_) throw std::logic_error("examples in a file cannot be added to");
  ids_.insert(ids_.end(), example.ids.begin(), example.ids.end());
  const auto is_one = [](float weight) { return weight == 1; };
  if (!std::all_of(example.weights.begin(), example.weights.end(), is_one)) {
    add_runs(example.weights, runs_);
  }
  entries_.push_back({ids_.size(), runs_.size(), example.line, example.file});
  count((*this)[entries_.size() - 1], totals_);
}

void Examples::forget() {
  // Not clear(): what they take grows to that of the largest, and is given back.
  ids_ = {};
  runs_ = {};
  entries_ = {};
}

void Examples::recall(ExampleArrays earlier) {
  for (ExampleEntry& entry : entries_) {
    entry.ids_end += earlier.ids.size();
    entry.runs_end += earlier.runs.size();
  }
  ids_.insert(ids_.begin(), earlier.ids.begin(), earlier.ids.end());
  runs_.insert(runs_.begin(), earlier.runs.begin(), earlier.runs.end());
  entries_.insert(entries_.begin(), earlier.entries.begin(), earlier.entries.end());
}

size_t Examples::bytes() const {
  const ExampleArrays all = arrays();
  return all.ids.size_bytes() + all.runs.size_bytes() + all.entries.size_bytes();
}

ExampleArrays Examples::arrays() const {
  if (owner_) return elsewhere_;
  return {ids_, runs_, entries_};
}

ExampleView Examples::operator[](size_t i) const {
  const ExampleArrays all = arrays();
  const ExampleEntry& entry = all.entries[i];
  const uint64_t ids = i == 0 ? 0 : all.entries[i - 1].ids_end;
  const uint64_t runs = i == 0 ? 0 : all.entries[i - 1].runs_end;
  return {all.ids.subspan(ids, entry.ids_end - ids), all.runs.subspan(runs, entry.runs_end - runs),
          entry.line, static_cast<uint32_t>(entry.file)};
}

int64_t Examples::length(size_t i) const {
  const auto entries = arrays().entries;
  return static_cast<int64_t>(entries[i].ids_end - (i == 0 ? 0 : entries[i - 1].ids_end));
}

}  // namespace graft::data
