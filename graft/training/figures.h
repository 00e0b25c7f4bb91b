#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "graft/base/json_types.h"

namespace graft::training {

/// What a training counts: since its last report, and since its beginning.
class Figures {
 public:
  /// A step that had its effect. If its gradient is a spike, returns the median of those before.
  std::optional<double> add(double loss, double gradient_norm, int64_t tokens);
  /// What a step took, whatever came of it.
  void add_step_seconds(double seconds);
  /// What else took time.
  void add_seconds(double seconds) { seconds_ += seconds; }
  /// A step that was skipped.
  void skip();
  /// Who goes on has all tries again.
  void forget_skipped_in_a_row() { skipped_in_a_row_ = 0; }
  /// After a report.
  void start_window();

  /// Means over the steps since the last report; NaN if there were none.
  double mean_loss() const { return loss_sum_ / steps_; }
  double mean_gradient_norm() const { return norm_sum_ / steps_; }
  int steps() const { return steps_; }
  int64_t window_tokens() const { return window_tokens_; }

  double window_seconds() const { return window_seconds_; }

  int64_t tokens() const { return tokens_; }
  double seconds() const { return seconds_; }
  int skipped() const { return skipped_; }
  int skipped_in_a_row() const { return skipped_in_a_row_; }
  /// Steps whose gradient was more than 10 times the median of those before (of up to 64).
  int spikes() const { return spikes_; }

  json to_json() const;
  /// Throws json::exception if it is not what to_json gives.
  static Figures from_json(const json& value);

 private:
  // NaN while too few steps are known.
  double median_norm() const;

  double loss_sum_ = 0, norm_sum_ = 0, window_seconds_ = 0;
  int64_t window_tokens_ = 0;
  int steps_ = 0;
  int64_t tokens_ = 0;
  double seconds_ = 0;
  int skipped_ = 0, skipped_in_a_row_ = 0, spikes_ = 0;
  std::deque<double> norms_;  // of the last steps
};

}  // namespace graft::training
