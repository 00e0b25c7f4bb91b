#include "graft/evaluation/number_scorer.h"

#include "graft/evaluation/number.h"

namespace graft::evaluation {
namespace {

class NumberScorer final : public EachScorer {
 public:
  explicit NumberScorer(double tolerance) : tolerance_(tolerance) {}
  std::vector<std::string> measures() const override { return {"number"}; }

 private:
  Scores score_one(const Answered& a) override {
    const auto expected = last_number(a.reference);
    if (!expected) return {{}, "the reference has no number", {}};
    const auto found = last_number(a.answer);
    if (!found) return {{0}, {}, "there is no number in it"};
    return {{close(*found, *expected, tolerance_) ? 1.0 : 0.0}, {}, {}};
  }

  double tolerance_;
};

}  // namespace

std::unique_ptr<Scorer> make_number_scorer(const ScorerOptions& options) {
  return std::make_unique<NumberScorer>(options.tolerance);
}

}  // namespace graft::evaluation
