#include "graft/evaluation/program_scorer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "graft/base/error.h"
#include "graft/evaluation/child_process.h"
#include "graft/evaluation/text.h"
#include "graft/io/json.h"

namespace graft::evaluation {
namespace {

double score_of(std::string_view line, const std::string& where) {
  const json object = io::parse_json(line, where);
  if (!object.is_object() || !object.contains("score") || !object["score"].is_number()) {
    fail("{}: expected {{\"score\": a number from 0 to 1}}", where);
  }
  const double score = object["score"].get<double>();
  if (!(score >= 0 && score <= 1)) fail("{}: a score is from 0 to 1, found {}", where, score);
  return score;
}

class ProgramScorer final : public Scorer {
 public:
  ProgramScorer(std::string program, double seconds)
      : program_(std::move(program)), seconds_(std::max(seconds, 60.0)) {}
  std::vector<std::string> measures() const override { return {"score"}; }

  std::vector<Scores> score(std::span<const Answered> answers,
                            const std::function<bool()>& interrupted) override {
    std::string input;
    for (const Answered& a : answers) {
      const ordered_json line = {{"prompt", a.prompt},
                                 {"answer", a.answer},
                                 {"reference", a.reference},
                                 {"record", a.record}};
      input += line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + '\n';
    }
    bool stopped = false;
    const ChildLimits limits{.seconds = seconds_, .interrupted = [&] {
                               stopped = stopped || (interrupted && interrupted());
                               return stopped;
                             }};
    const std::string output = run_child(program_, input, limits);
    std::vector<Scores> all;
    std::string_view left = output;
    while (!left.empty()) {
      const size_t end = left.find('\n');
      if (end == std::string_view::npos && stopped) break;  // cut in the middle
      const std::string_view line = trimmed(left.substr(0, end));
      left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
      if (line.empty()) continue;
      const std::string where = fmt::format("{}: line {}", program_, all.size() + 1);
      if (all.size() == answers.size()) fail("{}: there are {} answers", where, answers.size());
      all.push_back({{score_of(line, where)}, {}, {}});
    }
    if (all.size() < answers.size() && !stopped) {
      fail("{}: it wrote {} scores for {} answers", program_, all.size(), answers.size());
    }
    return all;
  }

 private:
  std::string program_;
  double seconds_;
};

}  // namespace

std::unique_ptr<Scorer> make_program_scorer(std::string program, const ScorerOptions& options) {
  return std::make_unique<ProgramScorer>(std::move(program), options.seconds);
}

}  // namespace graft::evaluation
