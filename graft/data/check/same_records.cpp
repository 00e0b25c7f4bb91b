#include "graft/data/check/same_records.h"

#include <algorithm>
#include <span>

#include "graft/base/thread_pool.h"
#include "graft/data/check/shingles.h"

namespace graft::data::check {
namespace {

// A record is compared with so many earlier ones at most, of a bucket and in all: texts made by one
// template share buckets by the thousand.
constexpr int kMostOfBucket = 64, kMostInAll = 256;

void sort_by_record(std::vector<Match>& matches) {
  std::sort(matches.begin(), matches.end(),
            [](const Match& a, const Match& b) { return a.record < b.record; });
}

std::vector<uint32_t> records_with(const std::vector<Entry>& entries, uint64_t Digest::*what) {
  std::vector<uint32_t> records;
  for (uint32_t i = 0; i < entries.size(); ++i) {
    if (entries[i].digest.*what != 0) records.push_back(i);
  }
  return records;
}

// Calls use(begin, end) for each run of equal keys.
template <class Key, class Use>
void for_each_run(const std::vector<uint32_t>& records, Key&& key, Use&& use) {
  for (size_t begin = 0; begin < records.size();) {
    size_t end = begin + 1;
    while (end < records.size() && key(records[end]) == key(records[begin])) ++end;
    if (end - begin > 1) use(begin, end);
    begin = end;
  }
}

// The nearest that was found of a record so far, within its split and in an earlier one.
struct Nearest {
  struct Found {
    uint32_t record = UINT32_MAX;
    float jaccard = 0;
    int compared = 0;
  };
  Found own, other;
};

struct InBucket {
  uint32_t band, record;
};

// The records of a band's bucket: in their order, of different content.
class Bucket {
 public:
  Bucket(std::span<const InBucket> records, const std::vector<Entry>& entries,
         const SpilledSets& shingles, std::vector<Nearest>& nearest)
      : records_(records), entries_(entries), shingles_(shingles), nearest_(nearest) {}

  void compare() const {
    size_t split_begin = 0;  // of those of a record's split
    for (size_t i = 1; i < records_.size(); ++i) {
      const uint32_t record = records_[i].record;
      if (entries_[record].split != entries_[records_[i - 1].record].split) split_begin = i;
      compare_with(record, split_begin, i, nearest_[record].own);
      compare_with(record, 0, split_begin, nearest_[record].other);
    }
  }

 private:
  // With those at [begin, end) of the bucket, the last first.
  void compare_with(uint32_t record, size_t begin, size_t end, Nearest::Found& found) const {
    if (found.record != UINT32_MAX) return;
    std::vector<uint32_t> own;
    for (int compared = 0; end-- > begin; ++compared) {
      if (compared == kMostOfBucket || found.compared == kMostInAll) return;
      const uint32_t earlier = records_[end].record;
      if (!can_be_near(record, earlier)) continue;
      ++found.compared;
      if (own.empty()) own = shingles_[record];
      const double index = jaccard(own, shingles_[earlier]);
      if (index < kNear) continue;
      found.record = earlier;
      found.jaccard = static_cast<float>(index);
      return;
    }
  }

  // By sizes alone: the index is at most their ratio.
  bool can_be_near(uint32_t a, uint32_t b) const {
    const auto x = static_cast<double>(shingles_.size_of(a));
    const auto y = static_cast<double>(shingles_.size_of(b));
    return std::min(x, y) >= kNear * std::max(x, y);
  }

  std::span<const InBucket> records_;
  const std::vector<Entry>& entries_;
  const SpilledSets& shingles_;
  std::vector<Nearest>& nearest_;
};

}  // namespace

void RecordComparison::add(const Entry& entry, std::span<const uint32_t> shingles,
                           const Bands& bands) {
  entries_.push_back(entry);
  bands_.push_back(bands);
  shingles_.push_back(shingles);
}

void RecordComparison::find_equal(Matches& matches) {
  repeats_.assign(entries_.size(), false);
  std::vector<uint32_t> records = records_with(entries_, &Digest::content);
  const auto key = [&](uint32_t i) { return entries_[i].digest.content; };
  std::sort(records.begin(), records.end(),
            [&](uint32_t a, uint32_t b) { return key(a) != key(b) ? key(a) < key(b) : a < b; });
  for_each_run(records, key, [&](size_t begin, size_t end) {
    size_t first = begin;  // of its split
    for (size_t i = begin + 1; i < end; ++i) {
      repeats_[records[i]] = true;
      if (entries_[records[i]].split == entries_[records[first]].split) {
        matches.equal.push_back({records[i], records[first]});
      } else {
        matches.equal_between.push_back({records[i], records[begin]});
        first = i;
      }
    }
  });
  sort_by_record(matches.equal);
  sort_by_record(matches.equal_between);
}

void RecordComparison::find_contradictions(Matches& matches) const {
  std::vector<uint32_t> records = records_with(entries_, &Digest::prompt);
  const auto key = [&](uint32_t i) { return entries_[i].digest.prompt; };
  const auto answer = [&](uint32_t i) { return entries_[i].digest.answer; };
  std::sort(records.begin(), records.end(), [&](uint32_t a, uint32_t b) {
    if (key(a) != key(b)) return key(a) < key(b);
    return answer(a) != answer(b) ? answer(a) < answer(b) : a < b;
  });
  for_each_run(records, key, [&](size_t begin, size_t end) {
    std::vector<uint32_t> firsts;  // of each answer
    for (size_t i = begin; i < end; ++i) {
      if (i == begin || answer(records[i]) != answer(records[i - 1])) firsts.push_back(records[i]);
    }
    std::sort(firsts.begin(), firsts.end());
    for (size_t i = 1; i < firsts.size(); ++i) {
      matches.contradictions.push_back({firsts[i], firsts[0]});
    }
  });
  sort_by_record(matches.contradictions);
}

void RecordComparison::find_near(Matches& matches, const std::function<void(double share)>& show) {
  shingles_.finish();
  std::vector<Nearest> nearest(entries_.size());
  std::vector<InBucket> records;
  for (size_t band = 0; band < kBands; ++band) {
    if (show) show(static_cast<double>(band) / kBands);
    records.clear();
    for (uint32_t i = 0; i < entries_.size(); ++i) {
      if (!repeats_[i] && shingles_.size_of(i) > 0) records.push_back({bands_[i][band], i});
    }
    std::sort(records.begin(), records.end(), [](const InBucket& a, const InBucket& b) {
      return a.band != b.band ? a.band < b.band : a.record < b.record;
    });
    std::vector<std::span<const InBucket>> buckets;
    for (size_t begin = 0; begin < records.size();) {
      size_t end = begin + 1;
      while (end < records.size() && records[end].band == records[begin].band) ++end;
      if (end - begin > 1) buckets.emplace_back(records.data() + begin, end - begin);
      begin = end;
    }
    run_parts(std::ssize(buckets), [&](int64_t i, int) {
      Bucket(buckets[static_cast<size_t>(i)], entries_, shingles_, nearest).compare();
    });
  }
  for (uint32_t i = 0; i < nearest.size(); ++i) {
    const Nearest& found = nearest[i];
    const auto add = [&](const Nearest::Found& its, std::vector<Match>& to) {
      if (its.record != UINT32_MAX) to.push_back({i, its.record, its.jaccard});
    };
    add(found.own, matches.near);
    add(found.other, matches.near_between);
  }
}

Matches RecordComparison::finish(const std::function<void(double share)>& show) {
  Matches matches;
  find_equal(matches);
  find_contradictions(matches);
  find_near(matches, show);
  return matches;
}

}  // namespace graft::data::check
