#include "graft/evaluation/json_scorer.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "graft/base/error.h"
#include "graft/evaluation/text.h"
#include "graft/io/json.h"

namespace graft::evaluation {
namespace {

class JsonScorer final : public EachScorer {
 public:
  std::vector<std::string> measures() const override { return {"equal", "valid"}; }

 private:
  static json parsed(std::string_view text) { return io::parse_json(trimmed(text), "the answer"); }

  Scores score_one(const Answered& a) override {
    json reference;
    try {
      reference = parsed(a.reference);
    } catch (const Error&) {
      return {{}, "the reference is not JSON", {}};
    }
    try {
      return {{parsed(a.answer) == reference ? 1.0 : 0.0, 1.0}, {}, {}};
    } catch (const Error& error) {
      return {{0, 0}, {}, error.what()};
    }
  }
};

}  // namespace

std::unique_ptr<Scorer> make_json_scorer(const ScorerOptions&) {
  return std::make_unique<JsonScorer>();
}

}  // namespace graft::evaluation
