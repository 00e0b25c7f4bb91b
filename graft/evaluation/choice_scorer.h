#pragma once

#include <memory>

#include "graft/evaluation/scorers.h"

namespace graft::evaluation {

/// `choice`: the answer names the reference's choice. The choices are those of the record: an array
/// of texts `choices` or `options`, or an object {"text": [...], "label": [...]}, as ARC has it;
/// else the options'; else the letters A to Z. An answer names a choice by its letter, alone, in
/// parentheses or before one of . ) : and the like, at its beginning or after its last "answer", or
/// by its text. The reference is a letter, a number from 0 or a text. `named`: it names one at all.
std::unique_ptr<Scorer> make_choice_scorer(const ScorerOptions& options);

}  // namespace graft::evaluation
