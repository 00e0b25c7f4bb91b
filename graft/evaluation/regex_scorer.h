#pragma once

#include <memory>

#include "graft/evaluation/scorers.h"

namespace graft::evaluation {

/// `match`: the pattern, in the syntax of regex::Regex, is found in the answer; with
/// `compare_matches`, the last that it finds there is the last that it finds in the reference.
std::unique_ptr<Scorer> make_regex_scorer(const ScorerOptions& options);

}  // namespace graft::evaluation
