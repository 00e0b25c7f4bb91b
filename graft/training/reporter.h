#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graft/base/profile.h"

namespace graft::training {

/// The figures of the iterations since the last report.
struct TrainReport {
  int iteration;
  double loss;  // mean over the iterations
  double learning_rate;
  double iterations_per_second;
  double tokens_per_second;  // trained tokens; there is no padding
};

/// What a person sees of a run.
class Reporter {
 public:
  virtual ~Reporter() = default;

  /// After every iteration, for the live line.
  virtual void progressed(int iteration, int iterations, double loss, double learning_rate,
                          int64_t tokens) = 0;
  virtual void trained(const TrainReport& report) = 0;
  virtual void validating(size_t done, size_t batches) = 0;
  virtual void validated(int iteration, double loss, double seconds) = 0;
  virtual void saved(int iteration, const std::string& path) = 0;
  /// At the end of a run that was profiled: phases that add up to its time.
  virtual void profiled(const std::vector<Phase>& phases) = 0;
};

/// Writes to standard output; with a live line on standard error if that is a terminal.
std::unique_ptr<Reporter> make_reporter();

}  // namespace graft::training
