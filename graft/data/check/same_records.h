#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "graft/data/check/digest.h"
#include "graft/data/check/min_hash.h"
#include "graft/data/check/spilled_sets.h"

namespace graft::data::check {

/// What is kept of a record to compare it with the others.
struct Entry {
  Digest digest;
  uint32_t split;
};

/// A record and an earlier one.
struct Match {
  uint32_t record, earlier;
  double jaccard = 1;
};

/// Records that are like others, each in the order of the records.
struct Matches {
  std::vector<Match> equal = {}, equal_between = {};  // within a split, with one of an earlier
  std::vector<Match> near = {}, near_between = {};    // not equal, but alike
  std::vector<Match> contradictions = {};             // the same prompt, another answer
};

/// Near: a Jaccard index of at least this.
inline constexpr double kNear = 0.8;

/// Records of all splits in their order, to be compared.
class RecordComparison {
 public:
  /// The shingles of it, as shingles_of has them.
  void add(const Entry& entry, std::span<const uint32_t> shingles, const Bands& bands);
  size_t size() const { return entries_.size(); }

  /// On all cores. `show` is called now and then with the share that is done, and may throw. Throws
  /// Error if the temporary file cannot be read.
  Matches finish(const std::function<void(double share)>& show = {});

 private:
  void find_equal(Matches& matches);
  void find_contradictions(Matches& matches) const;
  void find_near(Matches& matches, const std::function<void(double share)>& show);

  std::vector<Entry> entries_;
  std::vector<Bands> bands_;
  SpilledSets shingles_;
  std::vector<bool> repeats_;  // by record: whether an earlier one is equal
};

}  // namespace graft::data::check
