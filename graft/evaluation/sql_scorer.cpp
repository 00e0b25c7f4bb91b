#include "graft/evaluation/sql_scorer.h"

#include "graft/base/error.h"
#include "graft/evaluation/sql_database.h"
#include "graft/evaluation/wikisql_form.h"

namespace graft::evaluation {
namespace {

class SqlScorer final : public Scorer {
 public:
  explicit SqlScorer(const ScorerOptions& options) : tolerance_(options.tolerance) {
    limits_.seconds = options.seconds;
  }
  std::vector<std::string> measures() const override { return {"execution", "valid", "rows"}; }

  std::vector<Scores> score(std::span<const Answered> answers,
                            const std::function<bool()>& interrupted) override {
    limits_.interrupted = interrupted;
    std::vector<Scores> all;
    for (const Answered& answered : answers) {
      if (interrupted && interrupted()) break;
      Scores scores = score_one(answered);
      if (interrupted && interrupted()) break;  // which may have cut the query short
      all.push_back(std::move(scores));
    }
    return all;
  }

 private:
  std::vector<SqlRow> run(const SqlSchema& schema, const std::string& query) const {
    SqlDatabase database(schema, limits_);
    for (const SqlTable& table : schema.tables) {
      if (const auto sql = standard_sql(query, table)) return database.run(*sql);
    }
    return database.run(query);
  }

  Scores score_one(const Answered& a) const {
    SqlSchema schema;
    std::vector<SqlRow> expected;
    try {
      schema = sql_schema(a.record);
      expected = run(schema, a.reference);
    } catch (const Error& error) {
      return {{}, std::string("the reference does not run: ") + error.what(), {}};
    }
    const double rows = expected.empty() ? 0 : 1;
    try {
      const bool equal =
          equal_rows(run(schema, a.answer), expected, has_outer_order(a.reference), tolerance_);
      return {{equal ? 1.0 : 0.0, 1, rows}, {}, equal ? "" : "it gives other rows"};
    } catch (const Error& error) {
      return {{0, 0, rows}, {}, error.what()};
    }
  }

  double tolerance_;
  SqlLimits limits_;
};

}  // namespace

std::unique_ptr<Scorer> make_sql_scorer(const ScorerOptions& options) {
  return std::make_unique<SqlScorer>(options);
}

}  // namespace graft::evaluation
