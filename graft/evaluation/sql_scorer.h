#pragma once

#include <memory>

#include "graft/evaluation/scorers.h"

namespace graft::evaluation {

/// `execution`: the answer's query gives the same rows as the reference's, on the tables of the
/// record (evaluation::sql_schema): in the same order if the reference has an ORDER BY at its outer
/// level, else in any; numbers within the tolerance; names of columns do not count. `valid`: the
/// query runs. `rows`: the reference's gives a row, without which a wrong query is easily right.
/// Each query runs in a database of its own (evaluation::SqlDatabase). Besides SQLite's SQL, the
/// form of WikiSQL's examples is read (evaluation::standard_sql). A reference that does not run is
/// the record's problem.
std::unique_ptr<Scorer> make_sql_scorer(const ScorerOptions& options);

}  // namespace graft::evaluation
