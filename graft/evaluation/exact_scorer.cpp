#include "graft/evaluation/exact_scorer.h"

#include <map>

#include "graft/evaluation/text.h"

namespace graft::evaluation {
namespace {

double word_f1(std::string_view answer, std::string_view reference) {
  const std::vector<std::string> found = normalized_words(answer),
                                 expected = normalized_words(reference);
  if (found.empty() || expected.empty()) return found.empty() == expected.empty() ? 1 : 0;
  std::map<std::string_view, int> left;
  for (const std::string& word : expected) ++left[word];
  double common = 0;
  for (const std::string& word : found) {
    const auto at = left.find(word);
    if (at == left.end() || at->second == 0) continue;
    --at->second;
    ++common;
  }
  // 2 p r / (p + r) with p = common / found and r = common / expected.
  return 2 * common / static_cast<double>(found.size() + expected.size());
}

class ExactScorer final : public EachScorer {
 public:
  std::vector<std::string> measures() const override { return {"exact", "f1"}; }

 private:
  Scores score_one(const Answered& a) override {
    const bool same = trimmed(a.answer) == trimmed(a.reference);
    return {{same ? 1.0 : 0.0, same ? 1.0 : word_f1(a.answer, a.reference)}, {}, {}};
  }
};

}  // namespace

std::unique_ptr<Scorer> make_exact_scorer(const ScorerOptions&) {
  return std::make_unique<ExactScorer>();
}

}  // namespace graft::evaluation
