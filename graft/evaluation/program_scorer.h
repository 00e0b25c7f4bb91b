#pragma once

#include <memory>
#include <string>

#include "graft/evaluation/scorers.h"

namespace graft::evaluation {

/// `score`: what a program says. It is started once and gets a line {"prompt", "answer",
/// "reference", "record"} of JSON for each answer on its standard input, and writes a line
/// {"score": number from 0 to 1} for each, in order. Throws Error, with the line, for what is
/// anything else, for too few or too many lines, and as run_child does.
std::unique_ptr<Scorer> make_program_scorer(std::string program, const ScorerOptions& options);

}  // namespace graft::evaluation
