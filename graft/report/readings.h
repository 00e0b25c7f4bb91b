#pragma once

#include <cstdint>
#include <limits>

#include "graft/base/json_types.h"

// The lines of metrics.jsonl: see docs/records.md.
namespace graft::report {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// Of the steps since the last such line: {"kind": "train", ...}. In JSON a number that is not
/// finite is null, and a null or missing one is read as NaN, or as 0 where it is a count.
struct TrainReading {
  int64_t step = 0;
  double loss = kUnknown;  // mean
  double learning_rate = kUnknown;
  double grad_norm = kUnknown;  // mean, before clipping
  int64_t tokens = 0;           // since the beginning of the run
  double tokens_per_second = kUnknown;
  int64_t memory = 0;         // the most that the process has had resident so far, in bytes
  double seconds = kUnknown;  // since the beginning of the run
  int64_t skipped = 0;        // steps without effect since the beginning of the run
  int64_t spikes = 0;         // and those with a far larger gradient than before

  friend bool operator==(const TrainReading&, const TrainReading&) = default;
};

/// {"kind": "validation", ...}
struct ValidationReading {
  int64_t step = 0;
  double loss = kUnknown;
  double seconds = kUnknown;  // that the validation took

  friend bool operator==(const ValidationReading&, const ValidationReading&) = default;
};

ordered_json to_json(const TrainReading& reading);
ordered_json to_json(const ValidationReading& reading);

/// Each returns false if a value of the object is of a wrong type, or there is no step; `reading`
/// is then anything. The kind is the caller's to know.
bool read_reading(const json& object, TrainReading& reading);
bool read_reading(const json& object, ValidationReading& reading);

}  // namespace graft::report
