#include "graft/evaluation/scorers.h"

#include <cmath>

#include "graft/base/error.h"
#include "graft/base/nearest.h"
#include "graft/evaluation/choice_scorer.h"
#include "graft/evaluation/exact_scorer.h"
#include "graft/evaluation/json_scorer.h"
#include "graft/evaluation/number_scorer.h"
#include "graft/evaluation/program_scorer.h"
#include "graft/evaluation/regex_scorer.h"
#include "graft/evaluation/sql_scorer.h"

namespace graft::evaluation {
namespace {

struct Kind {
  ScorerKind kind;
  std::unique_ptr<Scorer> (*make)(const ScorerOptions& options);
};

constexpr Kind kKinds[] = {
    {{"exact", "the same text, and the words in common (F1)"}, make_exact_scorer},
    {{"json", "JSON that parses, and is the reference's"}, make_json_scorer},
    {{"number", "the last number"}, make_number_scorer},
    {{"choice", "the letter of one of several choices"}, make_choice_scorer},
    {{"regex", "a `pattern` that the answer matches"}, make_regex_scorer},
    {{"sql", "what a query gives on the record's tables"}, make_sql_scorer},
};

}  // namespace

std::vector<ScorerKind> scorer_kinds() {
  std::vector<ScorerKind> kinds;
  for (const Kind& kind : kKinds) kinds.push_back(kind.kind);
  return kinds;
}

std::unique_ptr<Scorer> make_scorer(std::string_view name, const ScorerOptions& options) {
  if (!(options.tolerance >= 0) || !std::isfinite(options.tolerance)) {
    fail("`tolerance` must be 0 or above and finite, found {}", options.tolerance);
  }
  if (!(options.seconds > 0) || options.seconds > 1e6) {
    fail("`seconds` must be above 0 and at most 1000000, found {}", options.seconds);
  }
  if (name.find('/') != std::string_view::npos) {
    return make_program_scorer(std::string(name), options);
  }
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) {
    if (name == kind.kind.name) return kind.make(options);
    names.emplace_back(kind.kind.name);
  }
  fail("there is no scorer \"{}\": it is one of {}, or a program's path, with a slash", name,
       fmt::join(names, ", "));
}

}  // namespace graft::evaluation
