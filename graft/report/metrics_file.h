#pragma once

#include <cstddef>
#include <vector>

#include "graft/base/files.h"
#include "graft/report/readings.h"

namespace graft::report {

/// The readings of a training, in the order of its file.
struct Metrics {
  std::vector<TrainReading> train;
  std::vector<ValidationReading> validations;
  size_t broken = 0;  // lines that are no reading: half written, say

  bool empty() const { return train.empty() && validations.empty(); }
};

/// Reads metrics.jsonl. A line that is no reading is skipped and counted, one of another kind only
/// skipped. Throws Error if the file cannot be read or has more than 128 MiB.
Metrics read_metrics(const fs::path& path);

/// Rewrites the file, whole or not at all, without readings of later steps than `step` and lines
/// that are no reading. Throws Error as read_metrics and AtomicFile do.
void drop_after(const fs::path& path, int64_t step);

/// The same without what a training that goes on from `step` is about to write again: the last
/// reading of that step and of that kind. The validation before the first step counts as of step 1,
/// and stays.
enum class ReadingKind { train, validation };
void drop_repeated(const fs::path& path, int64_t step, ReadingKind kind);

}  // namespace graft::report
