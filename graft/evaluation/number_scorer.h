#pragma once

#include <memory>

#include "graft/evaluation/scorers.h"

namespace graft::evaluation {

/// `number`: the last number of the answer is the last one of the reference, within the tolerance.
/// A reference without one is the record's problem.
std::unique_ptr<Scorer> make_number_scorer(const ScorerOptions& options);

}  // namespace graft::evaluation
