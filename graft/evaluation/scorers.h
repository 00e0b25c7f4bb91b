#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graft/evaluation/scorer.h"

namespace graft::evaluation {

struct ScorerOptions {
  double tolerance = 1e-6;       // between numbers: of the larger, and at least of 1
  std::string pattern = {};      // of `regex`
  bool compare_matches = false;  // `regex`: the answer's last match must be the reference's
  std::vector<std::string> choices = {};  // of `choice`, where a record has none
  double seconds = 5;  // `sql`: for one query; a program: for one line, and at least 60
};

/// A scorer and what it compares, for a help text.
struct ScorerKind {
  const char* name;
  const char* help;
};
std::vector<ScorerKind> scorer_kinds();

/// The scorer of a name, or of a program's path, which has a slash. Throws Error for another name
/// and for options that are missing or wrong.
std::unique_ptr<Scorer> make_scorer(std::string_view name, const ScorerOptions& options = {});

}  // namespace graft::evaluation
