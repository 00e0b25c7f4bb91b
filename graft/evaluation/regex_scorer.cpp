#include "graft/evaluation/regex_scorer.h"

#include <optional>

#include "graft/base/error.h"
#include "graft/regex/regex.h"
#include "graft/unicode/unicode.h"

namespace graft::evaluation {
namespace {

class RegexScorer final : public EachScorer {
 public:
  RegexScorer(const std::string& pattern, bool compare)
      : regex_(pattern, "`pattern`"), compare_(compare) {}
  std::vector<std::string> measures() const override { return {"match"}; }

 private:
  std::optional<std::string> last_match(std::string_view text) const {
    const std::string valid = unicode::replace_invalid(text);
    std::vector<Span> matches;
    regex_.find_all(valid, matches);
    if (matches.empty()) return {};
    return valid.substr(matches.back().begin, matches.back().end - matches.back().begin);
  }

  Scores score_one(const Answered& a) override {
    std::optional<std::string> expected;
    if (compare_) {
      expected = last_match(a.reference);
      if (!expected) return {{}, "the reference does not match `pattern`", {}};
    }
    try {
      const auto found = last_match(a.answer);
      if (!found) return {{0}, {}, "it does not match"};
      return {{!compare_ || *found == *expected ? 1.0 : 0.0}, {}, {}};
    } catch (const Error& error) {  // the search takes too long
      return {{0}, {}, error.what()};
    }
  }

  regex::Regex regex_;
  bool compare_;
};

}  // namespace

std::unique_ptr<Scorer> make_regex_scorer(const ScorerOptions& options) {
  if (options.pattern.empty()) fail("the scorer regex needs a `pattern`");
  return std::make_unique<RegexScorer>(options.pattern, options.compare_matches);
}

}  // namespace graft::evaluation
