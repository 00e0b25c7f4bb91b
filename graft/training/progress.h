#pragma once

#include <optional>

namespace graft::training {

/// How far a training has come.
struct Progress {
  struct Validation {
    int iteration;
    double loss;
  };

  int iteration = 0;                      // done
  std::optional<double> train_loss = {};  // mean of the last report
  std::optional<Validation> valid = {};   // the last one
  std::optional<Validation> best = {};    // the one of the lowest loss
  int validations_since_best = 0;
  int validated_after = -1;  // iterations before the last one; the first is after 0
};

}  // namespace graft::training
