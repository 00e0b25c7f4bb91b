#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace graft::data {

/// A record as a model sees it: tokens, and the weight of each as a target.
struct Example {
  std::vector<int32_t> ids;         // at least 2
  std::vector<float> weights = {};  // of each; empty: all 1. The first is never predicted
  int64_t line = 0;                 // of its file, from 1
  uint32_t file = 0;                // of Dataset::files
};

/// Tokens that weigh the same as targets: from the end of the run before, or the first, up to
/// `end`.
struct WeightRun {
  uint32_t end;
  float weight;

  bool operator==(const WeightRun&) const = default;
};

/// An example in a set of them, which must outlive it.
struct ExampleView {
  std::span<const int32_t> ids;
  std::span<const WeightRun> runs;  // empty: every token weighs 1
  int64_t line;
  uint32_t file;

  /// Of each token.
  std::vector<float> weights() const;
  /// Targets that weigh anything.
  int64_t trained() const;
};

}  // namespace graft::data
