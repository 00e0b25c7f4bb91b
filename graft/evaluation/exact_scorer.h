#pragma once

#include <memory>

#include "graft/evaluation/scorers.h"

namespace graft::evaluation {

/// `exact`: the same text, white space at both ends aside. `f1`: the harmonic mean of precision and
/// recall of the words, as SQuAD's evaluation has it (Rajpurkar et al. 2016, arXiv:1606.05250): in
/// lower case, without punctuation and without the articles a, an and the. Two texts without words
/// are equal.
std::unique_ptr<Scorer> make_exact_scorer(const ScorerOptions& options);

}  // namespace graft::evaluation
