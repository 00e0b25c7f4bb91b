#include "graft/evaluation/scorer.h"

namespace graft::evaluation {

std::vector<Scores> EachScorer::score(std::span<const Answered> answers,
                                      const std::function<bool()>& interrupted) {
  std::vector<Scores> all;
  for (const Answered& answered : answers) {
    if (interrupted && interrupted()) break;
    all.push_back(score_one(answered));
  }
  return all;
}

}  // namespace graft::evaluation
