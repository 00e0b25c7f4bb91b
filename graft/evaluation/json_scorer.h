#pragma once

#include <memory>

#include "graft/evaluation/scorers.h"

namespace graft::evaluation {

/// `equal`: the answer is JSON, and the same value as the reference: objects in any order of keys,
/// 1 and 1.0 alike. `valid`: it is JSON, nothing before or after it but white space. A reference
/// that is no JSON is the record's problem.
std::unique_ptr<Scorer> make_json_scorer(const ScorerOptions& options);

}  // namespace graft::evaluation
