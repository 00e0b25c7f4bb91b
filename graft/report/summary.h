#pragma once

#include <vector>

#include "graft/report/metrics_file.h"
#include "graft/report/run_facts.h"

namespace graft::report {

/// The first and the last loss of a training, and the best: of its validations, or of its reports
/// where it has none. NaN where there is none that is finite.
struct Losses {
  double before = kUnknown, after = kUnknown, best = kUnknown;
  int64_t best_step = 0;
};

Losses losses_of(const Metrics& metrics);

/// Six lines about a training: Loss (after and before), Best step, Time, Tokens, Peak memory,
/// Files. What is not known is a dash.
Summary summarize(const Metrics& metrics, const std::vector<fs::path>& files);

}  // namespace graft::report
